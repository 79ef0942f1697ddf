/** Stored responses that every replica finds: in Redis, each for a day, under its id and under those of its items. */
import { MiB } from '../../core/units.js';
import type { Log } from '../log.js';
import type { RedisLink } from './redis.js';

const KEEP_SECONDS = 24 * 3600;
/** Responses that wait for a Redis that is gone or full, and bytes of them in memory. */
const MOST_WAITING = 1000;
const MOST_WAITING_BYTES = 64 * MiB;
const RETRY_MS = 1000;

/** What is looked at of a response that is kept; all of it comes back. */
export interface SharedEntry {
  readonly owner: string;
  /** About what it takes in memory. */
  readonly bytes: number;
  readonly response: { readonly id: string; readonly output: readonly { readonly id: string }[] };
  readonly input: readonly { readonly id: string }[];
}

export class SharedResponses {
  private readonly link: RedisLink;
  private readonly log: Log;
  private readonly waiting = new Map<string, SharedEntry>();
  private isFlushing: boolean = false;
  private timer: NodeJS.Timeout | null = null;

  constructor(link: RedisLink, log: Log) {
    this.link = link;
    this.log = log;
  }

  /** Keeps it for all. One that cannot be written now is written later; this replica has it meanwhile. */
  put(entry: SharedEntry): void {
    this.waiting.set(entry.response.id, entry);
    let bytes = 0;
    for (const one of this.waiting.values()) bytes += one.bytes;
    for (const [oldest, one] of this.waiting) {
      if (this.waiting.size <= MOST_WAITING && bytes <= MOST_WAITING_BYTES) break;
      this.waiting.delete(oldest);
      bytes -= one.bytes;
      this.log.warn('a response is known to this replica only: too many wait to be shared');
    }
    void this.flush();
  }

  /** The response of that id. Rejects with an ApiError of status 503 where it cannot be asked for. */
  async get(id: string): Promise<SharedEntry | null> {
    const waiting = this.waiting.get(id);
    if (waiting !== undefined) return waiting;
    const text = await this.link.run((redis) => redis.get(`response:${id}`));
    return text === null ? null : (JSON.parse(text) as SharedEntry);
  }

  /** The response of an owner that brought or made an item: clients choose ids of items, and may choose those of others. */
  async ofItem(id: string, owner: string): Promise<SharedEntry | null> {
    const response = await this.link.run((redis) => redis.get(itemKey(id, owner)));
    return response === null ? null : this.get(response);
  }

  async delete(id: string): Promise<boolean> {
    const isWaiting = this.waiting.delete(id);
    return (await this.link.run((redis) => redis.del(`response:${id}`))) > 0 || isWaiting;
  }

  async close(): Promise<void> {
    await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private async flush(): Promise<void> {
    if (this.isFlushing) return;
    this.isFlushing = true;
    try {
      for (const [id, entry] of [...this.waiting]) {
        await this.link.run(async (redis) => {
          const commands = redis.pipeline().set(`response:${id}`, JSON.stringify(entry), 'EX', KEEP_SECONDS);
          for (const item of [...entry.input, ...entry.response.output])
            commands.set(itemKey(item.id, entry.owner), id, 'EX', KEEP_SECONDS);
          for (const [error] of (await commands.exec()) ?? []) if (error) throw error;
        });
        if (this.waiting.get(id) === entry) this.waiting.delete(id);
      }
    } catch (error) {
      this.log.debug({ err: error }, 'responses are shared later');
    }
    this.isFlushing = false;
    if (this.waiting.size === 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      void this.flush();
    }, RETRY_MS);
    this.timer.unref();
  }
}

function itemKey(id: string, owner: string): string {
  return `item:${JSON.stringify([owner, id])}`;
}
