/**
 * Continuous batching in the steady state: N users with one request in flight each, who decode in parallel while
 * prompts pass one prefill server. Solved as a closed queueing network by mean value analysis (Reiser and
 * Lavenberg, J. ACM 27, 1980) with deterministic service.
 */

/** What a machine says about itself while `running` sequences decode; seconds. */
export interface ServerTimes {
  /** One token of every running sequence. */
  readonly decode: number;
  /** What the prompt of one user adds to the time of all others. */
  readonly stall: number;
  /** How long one prompt keeps the next one waiting. */
  readonly service: number;
  /** From the start of a prompt to its first token. */
  readonly own: number;
}

export interface SteadyState {
  readonly firstSeconds: number;
  readonly tokenSeconds: number;
  /** Sequences that decode at the same time on average. */
  readonly running: number;
  /** From the admission of a request to its last token. */
  readonly lifetimeSeconds: number;
}

const ROUNDS = 6;

/** The steady state of `users` admitted users who each take `steps` tokens after the first. */
export function steadyState(
  users: number,
  steps: number,
  times: (running: number) => ServerTimes,
): SteadyState {
  let running = users;
  let token = 0;
  let first = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { decode, stall, service, own } = times(running);
    // Each other user's prompt passes once in a lifetime; the part of it that is decoding is slowed down.
    const lifetime = first + steps * token;
    const share = lifetime > 0 ? (steps * token) / lifetime : 1;
    token = decode + ((users - 1) * stall * share) / steps;
    first = decode / 2 + queueSeconds(users, service, steps * token) + own;
    running = Math.max(1, (users * steps * token) / (first + steps * token));
  }
  return { firstSeconds: first, tokenSeconds: token, running, lifetimeSeconds: first + steps * token };
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
