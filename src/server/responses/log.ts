/** The events of a response in the background: kept, so that whoever asks reads them from any of them on, and those to come. */
import type { Holding } from '../gate/memory.js';
import type { EventSink } from './events.js';
import { jsonSink } from './json.js';

export class EventLog {
  readonly sink: EventSink;
  private readonly entries: string[] = [];
  private size = 0;
  private readonly holding: Holding;
  private isOver: boolean = false;
  private isFull: boolean = false;
  private readonly waiting = new Set<() => void>();

  /** @param holding for its bytes, until it has ended; an event that finds no room throws an ApiError, the one of that end does not */
  constructor(holding: Holding) {
    this.holding = holding;
    this.sink = jsonSink((type, json) => {
      this.take(2 * json.length + 64);
      this.entries.push(`event: ${type}\ndata: ${json}\n\n`);
      this.wake();
    });
  }

  private take(bytes: number): void {
    this.size += bytes;
    if (this.isFull) {
      this.holding.set(this.size);
      return;
    }
    try {
      this.holding.resize(this.size);
    } catch (error) {
      this.isFull = true;
      this.size -= bytes;
      throw error;
    }
  }

  /** About what it takes. */
  get bytes(): number {
    return this.size;
  }

  /** Nothing comes after what there is. */
  end(): void {
    this.isOver = true;
    // Whoever keeps it from now on counts it.
    this.holding.release();
    this.wake();
  }

  /** As the text of a stream. @param after the sequence number that the reader has, -1 for none */
  async *read(after = -1): AsyncGenerator<string, void, void> {
    // Every event has a number, from 0 on.
    for (let at = Math.max(0, after + 1); ; ) {
      while (at < this.entries.length) yield this.entries[at++]!;
      if (this.isOver) return;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  private wake(): void {
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }
}
