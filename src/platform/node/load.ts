/** `load` for Node. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { openEngine, type Platform } from '../../runtime/open.js';
import type { Engine, LoadOptions, SimdMode } from '../../runtime/types.js';
import { startCrew } from './crew.js';
import { openFileSource } from './file-source.js';
import { compileGrammar } from './grammar-helper.js';
import { resolveModel } from './models.js';
import { setKernelFlags } from './v8-flags.js';

const kernelsDirectory = new URL('../../../kernels/', import.meta.url);

/** The kernels as built; the V8 flags that they want are set. */
export async function kernelBinaries(): Promise<Record<SimdMode, Uint8Array<ArrayBuffer>>> {
  setKernelFlags();
  const read = async (name: string): Promise<Uint8Array<ArrayBuffer>> =>
    new Uint8Array(await readFile(new URL(`kernels-${name}.wasm`, kernelsDirectory)));
  const [simd, relaxed] = await Promise.all([read('simd'), read('relaxed')]);
  return { simd, relaxed };
}

export const nodePlatform: Platform = {
  cores: availableParallelism(),
  isShared: true,
  kernelBinaries,
  startCrew,
  compileGrammar,
};

/**
 * Loads a model: the path of a GGUF file, the name of a model that is here (see `waferflow models`), or without a
 * name the embedded one. Call `close()` on the engine when it is no longer needed.
 *
 * @throws FormatError, ModelError, OptionError or EngineError; nothing stays loaded then
 */
export async function load(model?: string, options: LoadOptions = {}): Promise<Engine> {
  const source = await openFileSource(resolveModel(model));
  try {
    return await openEngine(source, options, nodePlatform);
  } finally {
    await source.close();
  }
}
