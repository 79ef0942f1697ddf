/** The page's hand on the engine worker: loading a model, generating, and what state that is in. */
import { type ReadonlySignal, signal } from '@preact/signals';
import glint from '../../../models/glint/glint-q8_0.gguf?url';
import { WaferflowError } from '../../core/errors.js';
import { callback, type Remote } from '../../runtime/link.js';
import type { GenerateEnd, GenerateOptions, LoadProgress, Prompt } from '../../runtime/types.js';
import { linkTo, type Thread } from '../ui/thread.js';
import type { EngineApi, Loaded, Outcome } from './api.js';

export type EngineState =
  | { readonly kind: 'none' }
  | { readonly kind: 'loading'; readonly name: string; readonly progress: LoadProgress | null }
  | { readonly kind: 'ready'; readonly name: string; readonly loaded: Loaded };

const state = signal<EngineState>({ kind: 'none' });
export const engineState: ReadonlySignal<EngineState> = state;

let thread: Thread<EngineApi> | null = null;
/** The load under way, or the last one that worked. */
let current: Promise<Loaded> | null = null;
let runs = 0;

function startThread(): Thread<EngineApi> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: 'waferflow-engine',
  });
  return linkTo(worker, 'the engine’s thread', () => {
    thread = null;
    current = null;
    state.value = { kind: 'none' };
    worker.terminate();
  });
}

async function call<T>(make: (api: Remote<EngineApi>) => Promise<Outcome<T>>): Promise<T> {
  thread ??= startThread();
  const outcome = await Promise.race([make(thread.api), thread.failed]);
  if ('value' in outcome) return outcome.value;
  const error = new WaferflowError(outcome.error.facts);
  error.name = outcome.error.name;
  throw error;
}

/** Loads a model; a file that does not work leaves the engine as it was. */
export function loadModel(model: string | File, name: string): Promise<Loaded> {
  const before = state.value;
  const previous = current;
  const update = (progress: LoadProgress | null): void => {
    state.value = { kind: 'loading', name, progress };
  };
  update(null);
  const loading = call<Loaded>((api) => api.load(model, callback(update))).then(
    (loaded) => {
      state.value = { kind: 'ready', name, loaded };
      return loaded;
    },
    (error: unknown) => {
      if (thread !== null) state.value = before;
      current = thread === null ? null : previous;
      throw error;
    },
  );
  current = loading;
  return loading;
}

/** The model that is loaded or being loaded; the embedded one when there is none yet. */
export function ensureModel(): Promise<Loaded> {
  return current ?? loadModel(new URL(glint, location.href).href, 'glint');
}

export interface Generation {
  readonly end: Promise<GenerateEnd>;
  cancel(): void;
}

/** Generates in the browser; `onText` gets text and ids as they come. */
export function generate(
  prompt: Prompt,
  options: Omit<GenerateOptions, 'signal' | 'onPrefill' | 'onQueue'>,
  onText: (text: string, ids: readonly number[]) => void,
): Generation {
  const run = runs++;
  let isCancelled = false;
  const end = ensureModel().then(() =>
    call<GenerateEnd>((api) => {
      const ending = api.generate(run, prompt, options, callback(onText));
      if (isCancelled) void api.cancel(run);
      return ending;
    }),
  );
  return {
    end,
    cancel() {
      isCancelled = true;
      void thread?.api.cancel(run);
    },
  };
}
