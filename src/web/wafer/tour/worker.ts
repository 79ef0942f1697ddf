/** The tour's thread: it holds the model on the fabric, so that the picture goes on while tokens are simulated. */
import kernels from '#kernels/kernels-unshared.wasm?url';
import { EngineError, WaferflowError } from '../../../core/errors.js';
import { expose } from '../../../runtime/link.js';
import type { Answered } from '../record/api.js';
import { kernelAngles } from './angles.js';
import type { TourApi } from './api.js';
import { TokenRun } from './token-run.js';

/** Pages of 64 KiB: what the kernels keep for themselves, and a table of angles. */
const MEMORY = { initial: 8, maximum: 65536 };

let run: TokenRun | null = null;

async function fetched(address: string): Promise<ArrayBuffer> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} is not there (${response.status})`);
  return await response.arrayBuffer();
}

async function load(model: string | Blob): Promise<TokenRun> {
  const [bytes, module] = await Promise.all([
    typeof model === 'string' ? fetched(model) : model.arrayBuffer(),
    fetched(kernels).then((code) => WebAssembly.compile(code)),
  ]);
  return await TokenRun.open(new Uint8Array(bytes), (context) =>
    kernelAngles(module, new WebAssembly.Memory(MEMORY), context),
  );
}

function loaded(): TokenRun {
  if (run !== null) return run;
  throw new EngineError({
    what: 'tour',
    given: 'no model',
    expected: 'one that is laid out',
    todo: 'Load a model first.',
  });
}

async function answer<T>(question: () => Promise<T>): Promise<Answered<T>> {
  try {
    return { value: await question() };
  } catch (error) {
    if (error instanceof WaferflowError) return { problem: error.message };
    throw error;
  }
}

const api: TourApi = {
  load: (model) =>
    answer(async () => {
      run = await load(model);
      return run.model;
    }),
  look: (prompt) => answer(async () => loaded().look(prompt)),
  finish: (onToken) => answer(() => loaded().finish(onToken)),
};

expose(api, self);
