/** Which replica takes a request. */
import type { Replica } from './replica/replica.js';

/** `shared-queue`: requests wait before the fleet and go to the first replica that has room. */
export type Routing = 'round-robin' | 'least-loaded' | 'prefix-affinity' | 'shared-queue';

export const ROUTINGS: readonly Routing[] = [
  'round-robin',
  'least-loaded',
  'prefix-affinity',
  'shared-queue',
];

/** A replica with the prefix may have this much more to do than the idlest one: a chunk, or a whole batch. */
const AFFINITY_SLACK = 1;

interface Prefix {
  readonly blocks: number;
  readonly at: (index: number) => number;
}

export class Router {
  private readonly routing: Routing;
  private readonly forPrompts: readonly Replica[];
  private readonly forDecoding: readonly Replica[];
  private turn = 0;
  private readonly longest: { readonly prompt: number; readonly whole: number; readonly context: number };

  constructor(replicas: readonly Replica[], routing: Routing) {
    this.routing = routing;
    this.forPrompts = replicas.filter((replica) => replica.role !== 'decode');
    this.forDecoding = replicas.filter((replica) => replica.role !== 'prefill');
    const least = (of: readonly Replica[], size: (replica: Replica) => number): number =>
      Math.min(...of.map(size));
    this.longest = {
      prompt: least(this.forPrompts, (replica) => replica.model.kvTokens),
      whole: least(this.forDecoding, (replica) => replica.model.kvTokens),
      context: least(replicas, (replica) => replica.model.maxContext),
    };
  }

  /** Whether any request of this length can ever be served by every replica that may get it. */
  fits(promptTokens: number, outputTokens: number): boolean {
    const whole = promptTokens + outputTokens + 1;
    const { prompt, whole: most, context } = this.longest;
    return promptTokens + 1 <= prompt && whole <= most && promptTokens + outputTokens <= context;
  }

  /** The replica for a request, or null when none is up or, with a shared queue, has room. */
  choose(phase: 'prompt' | 'decode', prefix: Prefix | null): Replica | null {
    const candidates = phase === 'prompt' ? this.forPrompts : this.forDecoding;
    if (phase === 'decode') return leastLoaded(candidates);
    switch (this.routing) {
      case 'round-robin': {
        for (let tried = 0; tried < candidates.length; tried++) {
          const replica = candidates[this.turn++ % candidates.length]!;
          if (replica.isUp) return replica;
        }
        return null;
      }
      case 'least-loaded':
        return leastLoaded(candidates);
      case 'prefix-affinity':
        return prefix === null ? leastLoaded(candidates) : nearestPrefix(candidates, prefix);
      case 'shared-queue':
        return leastLoaded(candidates.filter((replica) => replica.hasRoom));
    }
  }
}

function leastLoaded(candidates: readonly Replica[]): Replica | null {
  let best: Replica | null = null;
  let least = Infinity;
  for (const replica of candidates) {
    if (!replica.isUp) continue;
    const { load } = replica;
    if (load >= least) continue;
    best = replica;
    least = load;
  }
  return best;
}

/** The replica that has most of the prompt already, unless it has too much to do. */
function nearestPrefix(candidates: readonly Replica[], prefix: Prefix): Replica | null {
  const idlest = leastLoaded(candidates);
  if (idlest === null) return null;
  let best = idlest;
  let most = cachedBlocks(idlest, prefix, 0);
  for (const replica of candidates) {
    if (!replica.isUp || replica === idlest || replica.load > idlest.load + AFFINITY_SLACK) continue;
    const blocks = cachedBlocks(replica, prefix, most);
    if (blocks <= most) continue;
    best = replica;
    most = blocks;
  }
  return best;
}

/** Blocks of the prefix that are cached, by bisection: a block is only cached with those before it. */
function cachedBlocks({ memory: { cache } }: Replica, { blocks, at }: Prefix, atLeast: number): number {
  let low = 0;
  let high = blocks;
  if (atLeast >= blocks || !cache.has(at(atLeast))) return 0;
  low = atLeast + 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (cache.has(at(middle - 1))) low = middle;
    else high = middle - 1;
  }
  return low;
}
