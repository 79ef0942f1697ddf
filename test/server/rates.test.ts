import { expect, it } from 'vitest';
import { ApiError } from '#src/server/errors.js';
import { duration, RateLimits } from '#src/server/gate/rates.js';

const caller = { name: 'alice', requestsPerMinute: 60, tokensPerMinute: 600 };

class Clock {
  now = 0;
  readonly limits = new RateLimits(() => this.now);
}

function refusal(work: () => void): ApiError['facts'] | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof ApiError) return error.facts;
    throw error;
  }
}

it('a minute allows what it says, and gives it back evenly', () => {
  const time = new Clock();
  for (let i = 0; i < 60; i++) time.limits.take(caller, 1);
  const refused = refusal(() => time.limits.take(caller, 1));
  expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded', retryAfterMs: 1000 });
  expect(refused?.headers).toMatchObject({
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '1m0s',
    'x-ratelimit-remaining-tokens': '540',
    'x-ratelimit-reset-tokens': '6s',
  });
  time.now = 1000;
  expect(refusal(() => time.limits.take(caller, 1))).toBeNull();
  expect(refusal(() => time.limits.take(caller, 1))?.status).toBe(429);
  time.now = 1_000_000;
  expect(time.limits.state(caller)).toMatchObject({
    requests: { remaining: 60, resetMs: 0 },
    tokens: { remaining: 600, resetMs: 0 },
  });
});

it('what was refused costs nothing, and an answer may be longer than what was left', () => {
  const time = new Clock();
  expect(refusal(() => time.limits.take(caller, 601))).toMatchObject({ status: 429 });
  expect(time.limits.state(caller).requests?.remaining).toBe(60);
  time.limits.take(caller, 500);
  time.limits.spend(caller, 400);
  expect(time.limits.state(caller).tokens?.remaining).toBe(0);
  // 300 are owed, at 10 a second, and one more.
  expect(refusal(() => time.limits.take(caller, 1))?.retryAfterMs).toBeCloseTo(30_100);
});

it('callers do not share, and one without limits has none', () => {
  const { limits } = new Clock();
  const free = { name: 'bob', requestsPerMinute: null, tokensPerMinute: null };
  for (let i = 0; i < 60; i++) limits.take(caller, 1);
  for (let i = 0; i < 1000; i++) limits.take(free, 1000);
  expect(limits.headers(free)).toEqual({});
  limits.take({ ...caller, name: 'carol' }, 1);
});

it('says durations as OpenAI does', () => {
  expect([0.2, 12, 1500, 59_990, 60_000, 372_100].map(duration)).toEqual([
    '1ms',
    '12ms',
    '1.5s',
    '1m0s',
    '1m0s',
    '6m13s',
  ]);
});
