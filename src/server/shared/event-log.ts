/**
 * The events of stored responses while they are streamed, in a stream of Redis each: a client that was cut off goes on
 * reading at any replica. Where the one that made them is gone, that is said as the last event.
 */
import type { Log } from '../log.js';
import { newId } from '../responses/ids.js';
import type { RedisLink } from './redis.js';

const FLUSH_MS = 25;
const POLL_MS = 50;
const KEEP_MS = 600_000;
const BEAT_MS = 1000;
/** A replica that is silent for so long is taken for dead. */
const DEAD_MS = 4000;

/** A piece of the log: some events as server-sent text. */
interface Entry {
  readonly id: string;
  readonly replica: string;
  readonly owner: string;
  readonly text: string;
  readonly isLast: boolean;
}

/** Takes the events of one response. */
export interface EventWriter {
  write(text: string): void;
  /** No more come; `text` is what is left to say. */
  end(text?: string): void;
}

export class EventLog {
  private readonly link: RedisLink;
  private readonly log: Log;
  private readonly replica = newId('replica');
  private readonly beat: NodeJS.Timeout;

  constructor(link: RedisLink, log: Log) {
    this.link = link;
    this.log = log;
    this.beat = setInterval(() => void this.live(), BEAT_MS);
    this.beat.unref();
    void this.live();
  }

  writer(response: string, owner: string): EventWriter {
    let waiting = '';
    let isLast = false;
    let isWriting = false;
    const flush = async (): Promise<void> => {
      if (isWriting || (waiting === '' && !isLast)) return;
      isWriting = true;
      while (waiting !== '' || isLast) {
        const text = waiting;
        const last = isLast;
        waiting = '';
        isLast = false;
        await this.append(response, { owner, text, last }).catch((error: unknown) => {
          this.log.debug({ err: error, response }, 'events are not shared');
        });
      }
      isWriting = false;
    };
    let isTimed = false;
    const soon = (): void => {
      if (isTimed) return;
      isTimed = true;
      setTimeout(() => {
        isTimed = false;
        void flush();
      }, FLUSH_MS);
    };
    return {
      write: (text) => {
        waiting += text;
        soon();
      },
      end: (text = '') => {
        waiting += text;
        isLast = true;
        void flush();
      },
    };
  }

  /** Who may read the events of a response; null where there are none. */
  async ownerOf(response: string): Promise<string | null> {
    return (await this.read(response, '-', 1))[0]?.owner ?? null;
  }

  /**
   * The server-sent text of the events after one, as they come. `lost` is the last where their replica is gone. Rejects
   * with an ApiError where Redis is.
   */
  async *follow(response: string, after: number, lost: string): AsyncGenerator<string, void, void> {
    let from = '-';
    let last: Entry | null = null;
    for (;;) {
      const entries = await this.read(response, from, 100);
      for (const entry of entries) {
        from = `(${entry.id}`;
        last = entry;
        const text = eventsAfter(entry.text, after);
        if (text !== '') yield text;
        if (entry.isLast) return;
      }
      if (entries.length > 0) continue;
      if (last === null || !(await this.isLive(last.replica))) {
        // It may have written its last between the two questions.
        if ((await this.read(response, from, 1)).length > 0) continue;
        yield lost;
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  close(): void {
    clearInterval(this.beat);
  }

  private async append(
    response: string,
    { owner, text, last }: { readonly owner: string; readonly text: string; readonly last: boolean },
  ): Promise<void> {
    const key = `events:${response}`;
    await this.link.run(async (redis) => {
      const fields = ['replica', this.replica, 'owner', owner, 'text', text, 'last', last ? '1' : '0'];
      const answers = await redis
        .pipeline()
        .xadd(key, '*', ...fields)
        .pexpire(key, KEEP_MS)
        .exec();
      for (const [error] of answers ?? []) if (error) throw error;
    });
  }

  private async read(response: string, from: string, count: number): Promise<Entry[]> {
    const found = await this.link.run((redis) =>
      redis.xrange(`events:${response}`, from, '+', 'COUNT', count),
    );
    return found.map(([id, fields]) => {
      const value = (name: string): string => fields[fields.indexOf(name) + 1] ?? '';
      return {
        id,
        replica: value('replica'),
        owner: value('owner'),
        text: value('text'),
        isLast: value('last') === '1',
      };
    });
  }

  private async isLive(replica: string): Promise<boolean> {
    return (await this.link.run((redis) => redis.exists(`replica:${replica}`))) > 0;
  }

  private async live(): Promise<void> {
    await this.link
      .run((redis) => redis.set(`replica:${this.replica}`, '1', 'PX', DEAD_MS))
      .catch((error: unknown) => this.log.debug({ err: error }, 'no sign of life could be given'));
  }
}

/** The events of a text whose number is above one; those without a number stay. */
function eventsAfter(text: string, after: number): string {
  const events = text.split('\n\n').filter((event) => event !== '');
  const isNew = (event: string): boolean => {
    const data = /^data: (.*)$/m.exec(event)?.[1];
    if (data === undefined) return false;
    const { sequence_number: number } = JSON.parse(data) as { sequence_number?: number };
    return number === undefined || number > after;
  };
  return events
    .filter(isNew)
    .map((event) => `${event}\n\n`)
    .join('');
}
