/** One replica simulated token by token with plain objects: slow, short, and the same answer. */
import type { SchedulerPolicy } from '#src/fleet/replica/scheduling.js';
import { promptAttention, type ReplicaModel, stepSeconds } from '#src/fleet/replica/step-times.js';

export interface NaiveRequest {
  readonly arrival: number;
  readonly prompt: number;
  readonly output: number;
}

interface State extends NaiveRequest {
  generated: number;
  target: number;
  done: number;
  held: number;
  isDecoding: boolean;
  firstScheduled: number;
  firstToken: number;
  lastToken: number;
}

export interface NaiveResult {
  readonly ttft: number[];
  readonly decode: number[];
  readonly queueDelay: number[];
  readonly gaps: number[];
  readonly preemptions: number;
}

/** First come, first served, chunked prefill, the newest sequence gives way when memory runs out. */
export function naive(
  model: ReplicaModel,
  policy: SchedulerPolicy,
  requests: readonly NaiveRequest[],
): NaiveResult {
  const { times, kvTokens } = model;
  const coming = requests.map(
    (request): State => ({
      ...request,
      generated: 0,
      target: request.prompt,
      done: 0,
      held: 0,
      isDecoding: false,
      firstScheduled: -1,
      firstToken: -1,
      lastToken: 0,
    }),
  );
  const all = [...coming];
  const waiting: State[] = [];
  const residents: State[] = [];
  const gaps: number[] = [];
  let preemptions = 0;
  let now = 0;
  const free = (): number => kvTokens - residents.reduce((sum, r) => sum + r.held, 0);
  const decoding = (): State[] => residents.filter((r) => r.isDecoding);
  while (coming.length + waiting.length + residents.length > 0) {
    while (coming.length > 0 && coming[0]!.arrival <= now) waiting.push(coming.shift()!);
    let isShort = false;
    while (decoding().length > 0 && free() < decoding().length) {
      isShort = true;
      preemptions++;
      const victim = residents.pop()!;
      Object.assign(victim, {
        held: 0,
        done: 0,
        isDecoding: false,
        target: victim.prompt + victim.generated,
      });
      waiting.unshift(victim);
    }
    let budget = policy.chunkTokens;
    const parts: { readonly of: State; readonly tokens: number }[] = [];
    const take = (of: State): void => {
      const tokens = Math.min(budget, of.target - of.done);
      budget -= tokens;
      if (tokens > 0) parts.push({ of, tokens });
    };
    for (const resident of residents) if (!resident.isDecoding) take(resident);
    const isEmpty = residents.length === 0;
    while ((!isShort || isEmpty) && budget > 0 && waiting.length > 0 && residents.length < policy.maxBatch) {
      const next = waiting[0]!;
      const spare = residents.length === 0 ? 0 : Math.ceil(kvTokens * 0.01);
      if (free() < next.target + spare + decoding().length) break;
      waiting.shift();
      next.held = next.target;
      if (next.firstScheduled < 0) next.firstScheduled = now;
      residents.push(next);
      take(next);
    }
    const running = decoding();
    const tokens = parts.reduce((sum, part) => sum + part.tokens, 0);
    if (tokens === 0 && running.length === 0) {
      if (coming.length === 0) throw new Error('nothing to do, yet requests are left');
      now = coming[0]!.arrival;
      continue;
    }
    const mean = running.reduce((sum, r) => sum + r.prompt + r.generated, 0) / Math.max(1, running.length);
    const finished = parts.filter(({ of, tokens: part }) => of.done + part === of.target);
    now += stepSeconds(times, running.length, mean, tokens, finished.length);
    now += parts.reduce((sum, part) => sum + promptAttention(times, part.of.done, part.tokens), 0);
    const yieldToken = (state: State): void => {
      if (state.generated === 0) state.firstToken = now;
      else gaps.push(now - state.lastToken);
      state.generated++;
      state.lastToken = now;
      if (state.generated === state.output) residents.splice(residents.indexOf(state), 1);
    };
    for (const state of running) {
      state.held++;
      yieldToken(state);
    }
    for (const part of parts) part.of.done += part.tokens;
    for (const { of } of finished) {
      of.isDecoding = true;
      yieldToken(of);
    }
  }
  return {
    ttft: all.map((r) => r.firstToken - r.arrival),
    decode: all.map((r) => r.lastToken - r.firstToken),
    queueDelay: all.map((r) => r.firstScheduled - r.arrival),
    gaps,
    preemptions,
  };
}
