/** Limits that all replicas count together: the buckets lie in Redis, on its clock, and one script reads and takes. */

import type { Caller } from '../gate/keys.js';
import { type RateState, type RateStates, Rates } from '../gate/rates.js';
import type { Log } from '../log.js';
import type { RedisLink } from './redis.js';

const MINUTE_MS = 60_000;
/** Generated tokens are told this often. */
const SPEND_MS = 50;

/**
 * KEYS: buckets of requests and tokens. ARGV: what a minute allows of each, or nothing; how much is wanted of each; whether
 * it may be refused. Returns the number of the bucket that refuses or 0, the wait, and both levels.
 */
const TAKE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local levels = {}
for i = 1, 2 do
  local per = tonumber(ARGV[i])
  if per then
    local kept = redis.call('HMGET', KEYS[i], 'level', 'at')
    local level = tonumber(kept[1])
    levels[i] = level and math.min(per, level + (now - tonumber(kept[2])) * per / ${MINUTE_MS}) or per
  end
end
local function answer(refusing, wait)
  return { refusing, tostring(wait), tostring(levels[1] or ''), tostring(levels[2] or '') }
end
if ARGV[5] == '1' then
  for i = 1, 2 do
    if levels[i] and levels[i] < tonumber(ARGV[2 + i]) then
      return answer(i, (tonumber(ARGV[2 + i]) - levels[i]) * ${MINUTE_MS} / tonumber(ARGV[i]))
    end
  end
end
for i = 1, 2 do
  if levels[i] then
    levels[i] = levels[i] - tonumber(ARGV[2 + i])
    redis.call('HSET', KEYS[i], 'level', tostring(levels[i]), 'at', tostring(now))
    local full = (tonumber(ARGV[i]) - levels[i]) * ${MINUTE_MS} / tonumber(ARGV[i])
    redis.call('PEXPIRE', KEYS[i], math.ceil(full) + ${MINUTE_MS})
  end
end
return answer(0, 0)`;

interface Level {
  readonly level: number;
  readonly atMs: number;
}

/** What was heard of a caller's buckets last. */
interface Levels {
  readonly requests: Level | null;
  readonly tokens: Level | null;
}

export class SharedRates extends Rates {
  private readonly link: RedisLink;
  private readonly log: Log;
  private readonly heard = new Map<string, Levels>();
  private readonly unspent = new Map<string, { readonly caller: Caller; tokens: number }>();
  private readonly clock: NodeJS.Timeout;
  private isFlushing: boolean = false;

  constructor(link: RedisLink, log: Log) {
    super();
    this.link = link;
    this.log = log;
    this.clock = setInterval(() => void this.flush(), SPEND_MS);
    this.clock.unref();
  }

  /** By what was heard last: the bucket may be lower by now, and `take` asks. */
  override require(caller: Caller, promptTokens = 0): void {
    const { requests, tokens } = this.state(caller);
    for (const [state, wanted, unit] of [
      [requests, 1, 'requests'],
      [tokens, promptTokens, 'tokens'],
    ] as const) {
      if (state === null || state.remaining >= wanted) continue;
      const waitMs = ((wanted - state.remaining) * MINUTE_MS) / state.limit;
      throw this.refusal(caller, `${state.limit} ${unit} a minute`, waitMs);
    }
  }

  override take(caller: Caller, promptTokens: number): void | Promise<void> {
    if (caller.requestsPerMinute === null && caller.tokensPerMinute === null) return;
    return this.taken(caller, promptTokens);
  }

  override spend(caller: Caller, tokens: number): void {
    if (caller.tokensPerMinute === null) return;
    const entry = this.unspent.get(caller.name) ?? { caller, tokens: 0 };
    entry.tokens += tokens;
    this.unspent.set(caller.name, entry);
  }

  override state({ name, requestsPerMinute, tokensPerMinute }: Caller): RateStates {
    const heard = this.heard.get(name);
    return {
      requests: stateOf(requestsPerMinute, heard?.requests ?? null),
      tokens: stateOf(tokensPerMinute, heard?.tokens ?? null),
    };
  }

  /** Tells what was spent, and ends. */
  async close(): Promise<void> {
    clearInterval(this.clock);
    await this.flush();
  }

  private async taken(caller: Caller, promptTokens: number): Promise<void> {
    const [refusing, waitMs] = await this.ask(caller, [1, promptTokens], true);
    if (refusing === 0) return;
    const limit =
      refusing === 1
        ? `${caller.requestsPerMinute} requests a minute`
        : `${caller.tokensPerMinute} tokens a minute`;
    throw this.refusal(caller, limit, waitMs);
  }

  private async ask(
    caller: Caller,
    wanted: readonly [requests: number, tokens: number],
    mayRefuse: boolean,
  ): Promise<readonly [refusing: number, waitMs: number]> {
    const { name, requestsPerMinute, tokensPerMinute } = caller;
    const [refusing, waitMs, requests, tokens] = (await this.link.script(
      TAKE,
      [`rate:requests:${name}`, `rate:tokens:${name}`],
      [requestsPerMinute ?? '', tokensPerMinute ?? '', ...wanted, mayRefuse ? 1 : 0],
    )) as [number, string, string, string];
    const atMs = performance.now();
    const level = (text: string): Level | null => (text === '' ? null : { level: Number(text), atMs });
    this.heard.set(name, { requests: level(requests), tokens: level(tokens) });
    return [refusing, Number(waitMs)];
  }

  /** What cannot be told now is told later: nothing is lost. */
  private async flush(): Promise<void> {
    if (this.isFlushing || this.unspent.size === 0) return;
    this.isFlushing = true;
    const spent = [...this.unspent.values()];
    this.unspent.clear();
    for (const { caller, tokens } of spent) {
      await this.ask(caller, [0, tokens], false).catch((error: unknown) => {
        this.log.debug({ err: error }, 'tokens are told later');
        this.spend(caller, tokens);
      });
    }
    this.isFlushing = false;
  }
}

/** A bucket that nobody has taken from is full. */
function stateOf(perMinute: number | null, heard: Level | null): RateState | null {
  if (perMinute === null) return null;
  const gained = heard === null ? 0 : ((performance.now() - heard.atMs) * perMinute) / MINUTE_MS;
  const level = heard === null ? perMinute : Math.min(perMinute, heard.level + gained);
  return {
    limit: perMinute,
    remaining: Math.max(0, Math.floor(level)),
    resetMs: ((perMinute - level) * MINUTE_MS) / perMinute,
  };
}
