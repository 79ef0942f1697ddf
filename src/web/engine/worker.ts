/** The engine of the page: a Web Worker that holds it and starts the workers that compute. */

import kernelsProbe from '#kernels/kernels-probe.wasm?url';
import kernelsRelaxed from '#kernels/kernels-relaxed.wasm?url';
import kernelsS8s8 from '#kernels/kernels-s8s8.wasm?url';
import kernelsSimd from '#kernels/kernels-simd.wasm?url';
import kernelsU8s8 from '#kernels/kernels-u8s8.wasm?url';
import kernelsUnshared from '#kernels/kernels-unshared.wasm?url';
import { EngineError, WaferflowError } from '../../core/errors.js';
import { load } from '../../platform/browser/load.js';
import { expose } from '../../runtime/link.js';
import type { Engine, GenerateOptions, LoadProgress, Prompt } from '../../runtime/types.js';
import type { EngineApi, Loaded, Outcome } from './api.js';

const parts = {
  kernels: {
    probe: kernelsProbe,
    simd: kernelsSimd,
    relaxed: kernelsRelaxed,
    u8s8: kernelsU8s8,
    s8s8: kernelsS8s8,
    unshared: kernelsUnshared,
  },
  startWorker: (name: string) =>
    new Worker(new URL('../../platform/browser/worker-entry.ts', import.meta.url), { type: 'module', name }),
};

let engine: Engine | null = null;
const running = new Map<number, AbortController>();

/** Errors of the project cross as data, since a clone loses their facts. */
async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof WaferflowError) return { error: { name: error.name, facts: error.facts } };
    throw error;
  }
}

function loaded(): Engine {
  if (engine !== null) return engine;
  throw new EngineError({
    what: 'engine',
    given: 'no model',
    expected: 'a loaded model',
    todo: 'Load a model first.',
  });
}

const api: EngineApi = {
  load: (model: string | Blob, onProgress: (progress: LoadProgress) => void) =>
    outcome(async (): Promise<Loaded> => {
      const next = await load(model, { onProgress }, parts);
      await engine?.close();
      engine = next;
      return {
        info: next.info,
        hasChatTemplate: next.tokenizer.chatTemplate !== null,
        isAlone: !crossOriginIsolated,
      };
    }),

  generate: (run, prompt: Prompt, options: GenerateOptions, onText) =>
    outcome(async () => {
      const controller = new AbortController();
      running.set(run, controller);
      try {
        for await (const chunk of loaded().generate(prompt, { ...options, signal: controller.signal })) {
          if (chunk.done) return { ...chunk };
          onText(chunk.text, chunk.ids);
        }
      } finally {
        running.delete(run);
      }
      throw new Error('the generation ended without its last piece');
    }),

  cancel(run) {
    running.get(run)?.abort();
  },
};

expose(api, self);
