/** A model's guesses at the text of another: a sequence that runs a few tokens ahead, and is put right each time. */
import type { Guesses } from '../types.js';
import type { Stream } from './stream.js';

export interface GuessCalls {
  readonly stream: Stream;
  readonly correct: (kept: number, ids: readonly number[], allowed: number) => void;
  readonly cancel: () => void;
}

export function guessesOf({ stream, correct, cancel }: GuessCalls): Guesses {
  /** What the sequence has behind its prompt. */
  const own: number[] = [];
  let isOver = false;
  const readTo = async (length: number): Promise<void> => {
    while (own.length < length && !isOver) {
      const fresh = await stream.take();
      if (fresh === null) isOver = true;
      else own.push(...fresh.ids);
    }
  };
  let started: Promise<void> | null = null;
  return {
    async next(answer, most) {
      // It was let make one token while the prompt was read.
      started ??= readTo(1);
      await started;
      if (isOver) return [];
      let kept = 0;
      while (kept < own.length && kept < answer.length && own[kept] === answer[kept]) kept++;
      own.splice(kept, own.length, ...answer.slice(kept));
      correct(kept, answer.slice(kept), answer.length + most);
      await readTo(answer.length + most);
      return own.slice(answer.length);
    },
    end: cancel,
  };
}
