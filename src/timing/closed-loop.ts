/**
 * Continuous batching in the steady state: N users with one request in flight each, who decode in parallel while
 * prompts pass one prefill server. Solved as a closed queueing network by mean value analysis (Reiser and
 * Lavenberg, J. ACM 27, 1980) with deterministic service.
 */

/** What a machine says about itself while all users decode; seconds. */
export interface ServerTimes {
  /** One token of every user. */
  readonly decode: number;
  /** What the first chunk of prompt in a step adds to the time of all others. */
  readonly stall: number;
  /** What each further one adds to the same step. */
  readonly furtherStall: number;
  /** Chunks per prompt. */
  readonly chunks: number;
  /** How long one prompt keeps the next one waiting. */
  readonly service: number;
  /** From the start of a prompt to its first token. */
  readonly own: number;
}

export interface SteadyState {
  readonly firstSeconds: number;
  readonly tokenSeconds: number;
  /** From the admission of a request to its last token. */
  readonly lifetimeSeconds: number;
}

/**
 * The steady state of `users` users who each take `steps` tokens after the first. All of them are taken to decode
 * all the time: a user who waits for a first token is counted in, so that nothing that makes waiting longer can
 * make tokens come faster.
 */
export function steadyState(users: number, steps: number, times: ServerTimes): SteadyState {
  const { decode, stall, furtherStall, chunks, service, own } = times;
  // The prompts of the others pass once while a user takes all tokens: so many chunks fall on each step.
  const perStep = ((users - 1) * chunks) / steps;
  const token = decode + Math.min(1, perStep) * stall + Math.max(0, perStep - 1) * furtherStall;
  const first = decode / 2 + queueSeconds(users, service, steps * token) + own;
  return { firstSeconds: first, tokenSeconds: token, lifetimeSeconds: first + steps * token };
}

/** What a pipeline of wafers says about itself; seconds. */
export interface PipelineTimes {
  /** One token of each of so many users. */
  readonly decode: (running: number) => number;
  /** What one prompt delays all tokens, and the next prompt. */
  readonly prompt: number;
  /** From the start of a prompt to its first token. */
  readonly own: number;
  /** On the way to the server and back. */
  readonly away: number;
}

/** Rounds after which the share of users who decode no longer moves. */
const ROUNDS = 60;

/**
 * The steady state of `users` on a pipeline whose prompts take about as long as their answers: those who wait for a
 * first token do not decode, so they neither fill the pipeline nor bring prompts while the others' tokens come.
 */
export function pipelineState(users: number, steps: number, times: PipelineTimes): SteadyState {
  const { decode, prompt, own, away } = times;
  let share = 1;
  let token = decode(users);
  let first = own;
  for (let round = 0; round < ROUNDS; round++) {
    const running = 1 + (users - 1) * share;
    const next = decode(running) + (((users - 1) * share) / steps) * prompt;
    // Halfway, so that two states cannot alternate.
    token = (token + next) / 2;
    first = decode(running) / 2 + queueSeconds(users, prompt, steps * token + away) + own;
    share = (steps * token) / (away + first + steps * token);
  }
  return { firstSeconds: first, tokenSeconds: token, lifetimeSeconds: first + steps * token };
}

/** Mean wait before the prefill server of `users` users who think for `think` seconds. */
function queueSeconds(users: number, service: number, think: number): number {
  let queue = 0;
  let busy = 0;
  let wait = 0;
  for (let n = 1; n <= users; n++) {
    // An arrival sees the network with one user fewer; the one in service is half done on average.
    wait = service * Math.max(0, queue - busy / 2);
    const rate = n / (wait + service + think);
    queue = rate * (wait + service);
    busy = rate * service;
  }
  return wait;
}
