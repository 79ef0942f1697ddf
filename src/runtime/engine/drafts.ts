/**
 * Speculative decoding across models: a quicker one of the same vocabulary guesses how the answer goes on, and the one that
 * answers checks several tokens in one step. What is wrong is never taken, so drafts change the speed only.
 */
import { OptionError } from '../../core/errors.js';
import { DraftLength } from '../leader/draft.js';
import type { Engine, Guesses, Tokenizer } from '../types.js';

/** Sends the draft that is waited for, and says after how many tokens the next one is. */
export type Suggest = (ids: readonly number[], undrafted: number) => void;

/** More tokens than any answer has. */
const NO_MORE = 2 ** 30;
/** Tokens without drafts at the start, to know what they take. */
const FIRST = 4;
/** Drafts that cost more than they gave before there are none for a while, which is longer each time. */
const MOST_LOSSES = 3;
const REST = 16;
const LONGEST_REST = 256;
/** What the newest speed counts beside those before. */
const NEWEST = 0.3;

/** Whether drafts are worth their time, as it is measured: tokens per millisecond with them and without. */
class Worth {
  private withDrafts: number | null = null;
  private without: number | null = null;
  private losses = 0;
  private rest = REST;

  /** So many tokens took so long. Returns for how many tokens there are to be no drafts. */
  note(tokens: number, ms: number, isDrafted: boolean): number {
    const mixed = (before: number | null): number => {
      const speed = tokens / Math.max(ms, 1e-3);
      return before === null ? speed : (1 - NEWEST) * before + NEWEST * speed;
    };
    if (isDrafted) this.withDrafts = mixed(this.withDrafts);
    else if (tokens > 0) this.without = mixed(this.without);
    if (this.without === null) return FIRST;
    if (!isDrafted || this.withDrafts === null) return 0;
    if (this.withDrafts >= this.without) {
      this.losses = 0;
      this.rest = REST;
      return 0;
    }
    if (++this.losses < MOST_LOSSES) return 0;
    const rest = this.rest;
    this.losses = 0;
    this.rest = Math.min(LONGEST_REST, 2 * rest);
    this.withDrafts = null;
    return rest;
  }
}

export class Drafts {
  private readonly guesses: Guesses;
  private readonly suggest: Suggest;
  private readonly length = new DraftLength();
  private readonly worth = new Worth();
  private readonly answer: number[] = [];
  /** The last draft, how many tokens the answer had then, and when it was asked for. */
  private last = { ids: [] as readonly number[], at: 0, ms: 0 };

  constructor(draft: Engine, promptIds: readonly number[], suggest: Suggest) {
    this.guesses = draft.guess(promptIds);
    this.suggest = suggest;
  }

  /** The answer has one more token. */
  push(id: number): void {
    this.answer.push(id);
  }

  /** A draft is waited for. */
  ask(): void {
    const { ids, at, ms } = this.last;
    const now = performance.now();
    const wrong = ids.findIndex((id, i) => this.answer[at + i] !== id);
    const isWrong = this.length.learn(ids.length, wrong < 0 ? ids.length : wrong);
    // The first token waited for the prompt.
    const isSlow = this.worth.note(at === 0 ? 0 : this.answer.length - at, now - ms, ids.length > 0);
    const rest = Math.max(isWrong, isSlow);
    this.last = { ids: [], at: this.answer.length, ms: now };
    if (rest > 0) this.suggest([], rest);
    else
      this.guesses.next(this.answer, this.length.tokens).then(
        (guessed) => {
          this.last = { ids: guessed, at: this.answer.length, ms: now };
          this.suggest(guessed, guessed.length === 0 ? NO_MORE : 1);
        },
        // A draft model that cannot go on costs the answer nothing but its help.
        () => this.suggest([], NO_MORE),
      );
  }

  end(): void {
    this.guesses.end();
  }
}

const agreed = new WeakMap<Tokenizer, WeakMap<Tokenizer, boolean>>();

/** Whether a token of one means the same in the other, for all of them. */
export function haveSameTokens(one: Tokenizer, other: Tokenizer): boolean {
  if (one === other) return true;
  const known = agreed.get(one) ?? new WeakMap<Tokenizer, boolean>();
  agreed.set(one, known);
  let isSame = known.get(other);
  if (isSame === undefined) {
    isSame = one.vocabSize === other.vocabSize;
    for (let id = 0; isSame && id < one.vocabSize; id++) isSame = equal(one.bytesOf(id), other.bytesOf(id));
    known.set(other, isSame);
  }
  return isSame;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** @throws OptionError where the two models do not have the same tokens */
export function requireSameTokens(engine: Pick<Engine, 'info' | 'tokenizer'>, draft: Engine): void {
  if (haveSameTokens(engine.tokenizer, draft.tokenizer)) return;
  throw new OptionError({
    what: 'option draft',
    given: `${draft.info.name}, a model of ${draft.tokenizer.vocabSize} tokens`,
    expected: `one with the very tokens of ${engine.info.name}, ${engine.tokenizer.vocabSize} of them`,
    todo: 'Choose a smaller model of the same family.',
  });
}
