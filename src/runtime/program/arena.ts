/** Hands out addresses of the one WebAssembly memory from low to high; nothing is freed. */
import { ModelError } from '../../core/errors.js';
import { formatBytes, GiB } from '../../core/units.js';
import { reservedBytes } from './kernels.js';

/** Cache line: no two buffers share one, so workers never write to the same line by accident. */
const alignment = 64;
const limit = 4 * GiB;

export class Arena {
  private next = reservedBytes;
  private readonly taken = new Map<string, number>();

  /** The address of `bytes` fresh bytes; `purpose` groups them in the error when memory runs out. */
  take(bytes: number, purpose: string): number {
    const address = this.next;
    this.next += Math.ceil(bytes / alignment) * alignment;
    this.taken.set(purpose, (this.taken.get(purpose) ?? 0) + bytes);
    return address;
  }

  /** Bytes in all. @throws ModelError if WebAssembly's 4 GiB are not enough, with what needs how much. */
  size(): number {
    if (this.next <= limit) return this.next;
    const parts = [...this.taken].sort((a, b) => b[1] - a[1]).slice(0, 4);
    throw new ModelError({
      what: 'memory of the model',
      given: `${formatBytes(this.next)} (${parts.map(([purpose, bytes]) => `${purpose} ${formatBytes(bytes)}`).join(', ')})`,
      expected: `at most ${formatBytes(limit)}, WebAssembly's limit`,
      todo: 'Choose a smaller model, a smaller quantisation or a shorter context.',
    });
  }

  bytesFor(purpose: string): number {
    return this.taken.get(purpose) ?? 0;
  }
}
