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

export class Drafts {
  private readonly guesses: Guesses;
  private readonly suggest: Suggest;
  private readonly length = new DraftLength();
  private readonly answer: number[] = [];
  /** The last draft, and how many tokens the answer had then. */
  private last: { readonly ids: readonly number[]; readonly at: number } = { ids: [], at: 0 };

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
    const { ids, at } = this.last;
    const wrong = ids.findIndex((id, i) => this.answer[at + i] !== id);
    const rest = this.length.learn(ids.length, wrong < 0 ? ids.length : wrong);
    this.last = { ids: [], at: this.answer.length };
    if (rest > 0) this.suggest([], rest);
    else
      this.guesses.next(this.answer, this.length.tokens).then(
        (guessed) => {
          this.last = { ids: guessed, at: this.answer.length };
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
