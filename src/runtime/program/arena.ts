/** Hands out addresses of one WebAssembly memory from low to high; nothing is freed. */
import { ModelError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { reservedBytes } from './kernels.js';

/** Cache line: no two buffers share one, so workers never write to the same line by accident. */
const alignment = 64;

export class Arena {
  private readonly limit: number;
  private next = reservedBytes;
  private readonly taken = new Map<string, number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Another one of which the same is taken. */
  copy(): Arena {
    const copy = new Arena(this.limit);
    copy.next = this.next;
    for (const [purpose, bytes] of this.taken) copy.taken.set(purpose, bytes);
    return copy;
  }

  /** The address of `bytes` fresh bytes; `purpose` groups them in the error when memory runs out. */
  take(bytes: number, purpose: string): number {
    const address = this.next;
    this.next += aligned(bytes);
    this.taken.set(purpose, (this.taken.get(purpose) ?? 0) + bytes);
    return address;
  }

  /** Bytes that can still be taken. */
  get room(): number {
    return this.limit - this.next;
  }

  /** Bytes in all. @throws ModelError if they are beyond the limit, with what needs how much */
  size(): number {
    if (this.room >= 0) return this.next;
    const parts = [...this.taken].sort((a, b) => b[1] - a[1]).slice(0, 4);
    throw new ModelError({
      what: 'memory of a layer',
      given: `${formatBytes(this.next)} (${parts.map(([purpose, bytes]) => `${purpose} ${formatBytes(bytes)}`).join(', ')})`,
      expected: `at most ${formatBytes(this.limit)}, as one layer lies in one memory of WebAssembly`,
      todo: 'Choose a smaller quantisation or a shorter context (--context, --kv-tokens), or a model of smaller layers.',
    });
  }

  bytesFor(purpose: string): number {
    return this.taken.get(purpose) ?? 0;
  }
}

/** What so many bytes take. */
export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
