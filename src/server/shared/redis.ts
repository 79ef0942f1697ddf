/** ioredis, wrapped: commands that answer soon or fail in words, and a connection that comes back by itself. */
import { Redis } from 'ioredis';
import { messageOf, OptionError } from '../../core/errors.js';
import { type ApiError, unavailable } from '../errors.js';
import type { Log } from '../log.js';

/** Who waits longer for an answer is told to come back. */
const COMMAND_MS = 1000;
const CONNECT_MS = 3000;
const RECONNECT_MS = 250;
const SLOWEST_RECONNECT_MS = 2000;

/** Names of everything that this program keeps there. */
const PREFIX = 'waferflow:';

export class RedisLink {
  private readonly redis: Redis;
  private readonly scripts = new Map<string, string>();

  /** @throws OptionError for a URL that is none of Redis */
  constructor(url: string, log: Log) {
    this.redis = new Redis(checkedUrl(url), {
      keyPrefix: PREFIX,
      commandTimeout: COMMAND_MS,
      connectTimeout: CONNECT_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (times) => Math.min(times * RECONNECT_MS, SLOWEST_RECONNECT_MS),
    });
    let isGone = false;
    this.redis.on('error', (error: unknown) => {
      if (!isGone) log.warn({ err: error }, 'Redis cannot be reached; trying again until it can');
      isGone = true;
    });
    this.redis.on('ready', () => {
      if (isGone) log.warn('Redis is back');
      isGone = false;
    });
  }

  /** Settles when it can be talked to, or after so long. */
  async connected(patienceMs: number): Promise<void> {
    if (this.redis.status === 'ready') return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, patienceMs);
      this.redis.once('ready', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Runs commands. Rejects with an ApiError of status 503 where Redis is gone, slow or full. */
  async run<T>(commands: (redis: Redis) => Promise<T>): Promise<T> {
    try {
      return await commands(this.redis);
    } catch (thrown) {
      throw redisError(thrown);
    }
  }

  /** Runs a script, whose text crosses once. */
  script(text: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    return this.run(async (redis) => {
      const known = this.scripts.get(text);
      const args = [keys.length, ...keys, ...values] as const;
      try {
        if (known !== undefined) return await redis.evalsha(known, ...args);
      } catch (thrown) {
        // A Redis that was started again has forgotten it.
        if (!messageOf(thrown).includes('NOSCRIPT')) throw thrown;
      }
      this.scripts.set(text, (await redis.script('LOAD', text)) as string);
      return redis.eval(text, ...args);
    });
  }

  close(): void {
    this.redis.disconnect();
  }
}

function checkedUrl(url: string): string {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol === 'redis:' || protocol === 'rediss:') return url;
  throw new OptionError({
    what: '--redis',
    given: JSON.stringify(url),
    expected: 'a URL such as redis://localhost:6379',
    todo: 'Pass the URL of a Redis server.',
  });
}

function redisError(thrown: unknown): ApiError {
  const message = messageOf(thrown);
  const why = message.startsWith('OOM')
    ? 'is full'
    : message.includes('timed out')
      ? 'does not answer in time'
      : 'cannot be reached';
  const text = `What the replicas of this server share ${why}. Try again soon.`;
  return unavailable('shared_state_unavailable', text, 1000);
}
