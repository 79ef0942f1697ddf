/** What the page may ask of its engine worker. */
import type { ErrorFacts } from '../../core/errors.js';
import type { EngineInfo, GenerateEnd, GenerateOptions, LoadProgress, Prompt } from '../../runtime/types.js';

/** A result, or one of the project's errors as data. */
export type Outcome<T> =
  | { readonly value: T }
  | { readonly error: { readonly name: string; readonly facts: ErrorFacts } };

export interface Loaded {
  readonly info: EngineInfo;
  readonly hasChatTemplate: boolean;
  /** Threads cannot share memory on this page, so one of them computes. */
  readonly isAlone: boolean;
}

export interface EngineApi {
  /** Loads a model in place of the present one, which stays when that fails. */
  load(model: string | Blob, onProgress: (progress: LoadProgress) => void): Promise<Outcome<Loaded>>;
  /** `run` is a number of the caller's choice, for `cancel`. */
  generate(
    run: number,
    prompt: Prompt,
    options: Omit<GenerateOptions, 'signal'>,
    onText: (text: string, ids: readonly number[]) => void,
  ): Promise<Outcome<GenerateEnd>>;
  cancel(run: number): void;
}
