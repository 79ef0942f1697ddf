/** Runs an automaton: sets of stacks, where a byte leads from each, and the tokens that each allows. */
import { OptionError } from '../../core/errors.js';
import { type Automaton, grammarError } from './automaton.js';
import type { TokenTrie } from './trie.js';

/** Ways to read one text side by side; more means an ambiguous grammar that would eat all memory. */
const mostStacks = 2_000;
/** What is remembered of one grammar; forgotten all at once when exceeded. */
const mostConfigurations = 20_000;
const mostStacksKept = 200_000;
/** Visits after which it pays to know the bytes that change nothing. */
const manyVisits = 16;
const mostMaskBytes = 8 << 20;

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
  mask: Int32Array | null;
  /** Times it was come by on the way to masks. */
  visits: number;
  /** A bit for each byte that changes nothing, once it was come by often. */
  loops: Int32Array | null;
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
  private maskBytes = 0;

  constructor(automaton: Automaton, trie: TokenTrie, vocabSize: number, endIds: Iterable<number>) {
    this.automaton = automaton;
    this.trie = trie;
    this.vocabSize = vocabSize;
    this.endIds = [...endIds].filter((id) => id < vocabSize);
    this.start = this.configuration([this.stack(automaton.start, null)]);
  }

  next(from: Configuration, byte: number): Configuration | null {
    const byteClass = this.automaton.classOfByte[byte]!;
    const known = from.next[byteClass];
    if (known !== undefined) return known;
    const next = this.step(from, this.automaton.byteOfClass[byteClass]!);
    from.next[byteClass] = next;
    return next;
  }

  mask(at: Configuration): Int32Array {
    if (at.mask === null) {
      const mask = this.makeMask(at);
      this.maskBytes += mask.byteLength;
      if (this.maskBytes > mostMaskBytes) this.forget();
      at.mask = mask;
    }
    return at.mask;
  }

  private step(from: Configuration, byte: number): Configuration | null {
    const reached: Stack[] = [];
    for (const { state, below } of from.stacks) {
      for (const edge of this.automaton.states[state]!.edges) {
        if (edge.from <= byte && byte <= edge.to) reached.push(this.stack(edge.target, below));
      }
    }
    return reached.length === 0 ? null : this.configuration(reached);
  }

  /** Follows calls and ends of rules until a byte must come. */
  private configuration(reached: readonly Stack[]): Configuration {
    const { states } = this.automaton;
    const seen = new Set(reached);
    const stacks: Stack[] = [];
    let isComplete = false;
    for (const stack of seen) {
      const { edges, calls, isEnd } = states[stack.state]!;
      if (edges.length > 0) stacks.push(stack);
      for (const { start, target } of calls) {
        seen.add(this.stack(start, target < 0 ? stack.below : this.stack(target, stack.below)));
      }
      if (isEnd && stack.below === null) isComplete = true;
      else if (isEnd && stack.below !== null) seen.add(stack.below);
      if (seen.size > mostStacks) {
        throw grammarError(
          `more than ${mostStacks} ways to read the same text`,
          'a grammar that is less ambiguous',
          'Remove alternatives that begin alike.',
        );
      }
    }
    stacks.sort((a, b) => a.id - b.id);
    const key = `${isComplete} ${stacks.map(({ id }) => id).join(' ')}`;
    let known = this.configurations.get(key);
    if (known === undefined) {
      if (this.configurations.size >= mostConfigurations || this.stacks.size >= mostStacksKept) this.forget();
      const next = new Array<undefined>(this.automaton.byteOfClass.length).fill(undefined);
      known = { stacks, isComplete, next, mask: null, visits: 0, loops: null };
      this.configurations.set(key, known);
    }
    return known;
  }

  private stack(state: number, below: Stack | null): Stack {
    const key = (below === null ? 0 : below.id) * this.automaton.states.length + state;
    let stack = this.stacks.get(key);
    if (stack === undefined) {
      stack = { id: ++this.stackCount, state, below };
      this.stacks.set(key, stack);
    }
    return stack;
  }

  private makeMask(at: Configuration): Int32Array {
    const { bytes, depths, skips, firstToken, tokens, depth } = this.trie;
    const { classOfByte } = this.automaton;
    const mask = new Int32Array(Math.ceil(this.vocabSize / 32));
    const path = new Array<Configuration>(depth + 1);
    path[0] = at;
    let isEmpty = true;
    for (let node = 0; node < bytes.length; ) {
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
        isEmpty = false;
      }
      node = after;
    }
    if (at.isComplete) {
      for (const id of this.endIds) {
        mask[id >>> 5]! |= 1 << (id & 31);
        isEmpty = false;
      }
    }
    if (isEmpty && !at.isComplete) {
      throw new OptionError({
        what: 'grammar',
        given: 'characters that the vocabulary of the model has no tokens for',
        expected: 'a grammar that the model can follow',
        todo: 'Use another model, or allow other characters.',
      });
    }
    return mask;
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
    for (let byte = 0; byte < 256; byte++) {
      if (this.next(at, byte) === at) loops[byte >>> 5]! |= 1 << (byte & 31);
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
    this.maskBytes = 0;
  }
}
