/** Runs an automaton: sets of stacks, where a byte leads from each, and the tokens that each allows. */
import { OptionError } from '../../core/errors.js';
import type { Automaton } from './automaton.js';
import { grammarError, mostMaskSteps, mostStacks } from './limits.js';
import type { TokenTrie } from './trie.js';

/** What is remembered of one grammar, in stacks of configurations and places for what follows them. */
const mostKept = 1_000_000;
const mostStacksKept = 200_000;
/** Visits after which it pays to know the bytes that change nothing. */
const manyVisits = 16;
const mostMaskBytes = 8 << 20;
/** Nodes of the vocabulary that take as long as one stack. */
const nodesPerStep = 8;

/** A state and, below it, the states to go on in after the rules that it is in. */
interface Stack {
  readonly id: number;
  readonly state: number;
  readonly below: Stack | null;
}

/** All stacks that the text so far can have led to. */
export interface Configuration {
  readonly stacks: readonly Stack[];
  readonly isComplete: boolean;
  /** Per class of byte; null where no text goes on with it, undefined where that is not known yet. */
  readonly next: (Configuration | null | undefined)[];
  /** Times it was come by on the way to masks. */
  visits: number;
  /** A bit for each byte that changes nothing, once it was come by often. */
  loops: Int32Array | null;
  mask: Int32Array | null;
  work: MaskWork | null;
}

/** A mask that is being made: a walk through the vocabulary's tree. */
interface MaskWork {
  readonly mask: Int32Array;
  /** Where the bytes above the next node have led. */
  readonly path: Configuration[];
  node: number;
  isEmpty: boolean;
  spent: number;
}

export class Pushdown {
  readonly start: Configuration;
  private readonly automaton: Automaton;
  private readonly trie: TokenTrie;
  private readonly vocabSize: number;
  private readonly endIds: readonly number[];
  private readonly stacks = new Map<number, Stack>();
  private readonly configurations = new Map<string, Configuration>();
  private stackCount = 0;
  private keptCount = 0;
  private maskBytes = 0;
  /** Stacks moved on so far. */
  private moved = 0;

  constructor(automaton: Automaton, trie: TokenTrie, vocabSize: number, endIds: Iterable<number>) {
    this.automaton = automaton;
    this.trie = trie;
    this.vocabSize = vocabSize;
    this.endIds = [...endIds].filter((id) => id < vocabSize);
    this.start = this.configuration([this.stack(automaton.start, null)]);
  }

  /** About the memory that it takes, in stacks. */
  get weight(): number {
    const { edges, calls } = this.automaton;
    return this.keptCount + this.stacks.size + (edges.length + calls.length + this.maskBytes / 4) / 8;
  }

  next(from: Configuration, byte: number): Configuration | null {
    const byteClass = this.automaton.classOfByte[byte]!;
    const known = from.next[byteClass];
    if (known !== undefined) return known;
    const next = this.step(from, this.automaton.byteOfClass[byteClass]!);
    from.next[byteClass] = next;
    return next;
  }

  /**
   * Goes on with a mask for about so many steps; null where that was not enough. Throws OptionError on a mask that takes
   * too many in all, and on one without a token.
   */
  mask(at: Configuration, steps: number): Int32Array | null {
    if (at.mask !== null) return at.mask;
    at.work ??= {
      mask: new Int32Array(Math.ceil(this.vocabSize / 32)),
      path: [at],
      node: 0,
      isEmpty: true,
      spent: 0,
    };
    const { work } = at;
    if (!this.walk(work, steps)) return null;
    this.finish(at, work);
    this.maskBytes += work.mask.byteLength;
    if (this.maskBytes > mostMaskBytes) this.forget();
    at.work = null;
    at.mask = work.mask;
    return work.mask;
  }

  private step(from: Configuration, byte: number): Configuration | null {
    const { edgesOf, edges } = this.automaton;
    const reached: Stack[] = [];
    for (const { state, below } of from.stacks) {
      const [first, end] = [3 * edgesOf[state]!, 3 * edgesOf[state + 1]!];
      this.moved += 1 + ((end - first) >> 4);
      for (let i = first; i < end; i += 3) {
        if (edges[i]! <= byte && byte <= edges[i + 1]!) reached.push(this.stack(edges[i + 2]!, below));
      }
    }
    return reached.length === 0 ? null : this.configuration(reached);
  }

  /** Follows calls and ends of rules until a byte must come. */
  private configuration(reached: readonly Stack[]): Configuration {
    const { edgesOf, callsOf, calls, ends } = this.automaton;
    const seen = new Set(reached);
    const stacks: Stack[] = [];
    let isComplete = false;
    for (const stack of seen) {
      const { state, below } = stack;
      if (edgesOf[state] !== edgesOf[state + 1]) stacks.push(stack);
      for (let i = 2 * callsOf[state]!; i < 2 * callsOf[state + 1]!; i += 2) {
        const target = calls[i + 1]!;
        seen.add(this.stack(calls[i]!, target < 0 ? below : this.stack(target, below)));
      }
      if (ends[state] === 1 && below === null) isComplete = true;
      else if (ends[state] === 1 && below !== null) seen.add(below);
      if (seen.size > mostStacks) {
        throw grammarError(
          `more than ${mostStacks} ways to read the same text`,
          'a grammar that is less ambiguous',
          'Remove alternatives that begin alike.',
        );
      }
    }
    this.moved += 2 * seen.size;
    stacks.sort((a, b) => a.id - b.id);
    const key = `${isComplete} ${stacks.map(({ id }) => id).join(' ')}`;
    let known = this.configurations.get(key);
    if (known === undefined) {
      if (this.keptCount >= mostKept || this.stacks.size >= mostStacksKept) this.forget();
      const next = new Array<undefined>(this.automaton.byteOfClass.length).fill(undefined);
      known = { stacks, isComplete, next, mask: null, visits: 0, loops: null, work: null };
      this.configurations.set(key, known);
      this.keptCount += 8 + stacks.length + next.length;
    }
    return known;
  }

  private stack(state: number, below: Stack | null): Stack {
    const key = (below === null ? 0 : below.id) * (this.automaton.ends.length + 1) + state;
    let stack = this.stacks.get(key);
    if (stack === undefined) {
      stack = { id: ++this.stackCount, state, below };
      this.stacks.set(key, stack);
    }
    return stack;
  }

  /** True when the walk is at its end, false where `steps` were not enough. */
  private walk(work: MaskWork, steps: number): boolean {
    const { bytes, depths, skips, firstToken, tokens } = this.trie;
    const { classOfByte } = this.automaton;
    const { mask, path } = work;
    const movedBefore = this.moved;
    const stop = work.spent + steps;
    const spentBefore = work.spent;
    let nodes = 0;
    let { node } = work;
    for (; node < bytes.length; nodes++) {
      work.spent = spentBefore + this.moved - movedBefore + nodes / nodesPerStep;
      if (work.spent > mostMaskSteps) {
        throw grammarError(
          'one whose next token takes too long to find',
          `at most ${mostMaskSteps} steps`,
          'Remove alternatives that begin alike, and use smaller repetition counts.',
        );
      }
      if (work.spent >= stop) break;
      const from = path[depths[node]!]!;
      const byte = bytes[node]!;
      const known = from.next[classOfByte[byte]!];
      const next = known === undefined ? this.next(from, byte) : known;
      if (next === null) {
        node = skips[node]!;
        continue;
      }
      path[depths[node]! + 1] = next;
      // Most of a vocabulary is words, and most of a string takes them as they are: all below this node at once.
      const after = ++next.visits > manyVisits && this.staysBelow(next, node) ? skips[node]! : node + 1;
      for (let i = firstToken[node]!; i < firstToken[after]!; i++) {
        const id = tokens[i]!;
        mask[id >>> 5]! |= 1 << (id & 31);
        work.isEmpty = false;
      }
      node = after;
    }
    work.node = node;
    return node >= bytes.length;
  }

  private finish(at: Configuration, work: MaskWork): void {
    if (at.isComplete) {
      for (const id of this.endIds) {
        work.mask[id >>> 5]! |= 1 << (id & 31);
        work.isEmpty = false;
      }
    }
    if (work.isEmpty && !at.isComplete) {
      throw new OptionError({
        what: 'grammar',
        given: 'characters that the vocabulary of the model has no tokens for',
        expected: 'a grammar that the model can follow',
        todo: 'Use another model, or allow other characters.',
      });
    }
  }

  /** Whether no byte below a node of the trie leads away from the configuration. */
  private staysBelow(at: Configuration, node: number): boolean {
    const loops = at.loops ?? this.loopsOf(at);
    const { below } = this.trie;
    for (let word = 0; word < 8; word++) if ((below[node * 8 + word]! & ~loops[word]!) !== 0) return false;
    return true;
  }

  /** Going on can make the pushdown forget, so they are entered when they are whole. */
  private loopsOf(at: Configuration): Int32Array {
    const loops = new Int32Array(8);
    const { classOfByte, byteOfClass } = this.automaton;
    const stays = Array.from(byteOfClass, (byte) => this.next(at, byte) === at);
    for (let byte = 0; byte < 256; byte++) {
      if (stays[classOfByte[byte]!] === true) loops[byte >>> 5]! |= 1 << (byte & 31);
    }
    at.loops = loops;
    return loops;
  }

  /** Configurations in use go on, with their edges and masks to be found again. */
  private forget(): void {
    for (const configuration of this.configurations.values()) {
      configuration.next.fill(undefined);
      configuration.mask = null;
      configuration.loops = null;
      configuration.visits = 0;
    }
    this.configurations.clear();
    this.stacks.clear();
    this.keptCount = 0;
    this.maskBytes = 0;
  }
}
