/** `load` for Node. */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { OptionError } from '../../core/errors.js';
import { type ByteSource, bytesSource } from '../../formats/source.js';
import { openEngine, type Platform } from '../../runtime/open.js';
import type { KernelBuilds } from '../../runtime/program/builds.js';
import { type Engine, type LoadOptions, simdModes } from '../../runtime/types.js';
import { blobSource } from '../blob-source.js';
import { startCrew } from './crew.js';
import { type FileSource, openAdapter, openModelSource } from './file-source.js';
import { compileGrammar } from './grammar-helper.js';
import { machineBytes } from './memory.js';
import { obtainModel } from './obtain.js';
import { startTexts } from './text-helper.js';
import { endLoading, setKernelFlags } from './v8-flags.js';

const kernelsDirectory = new URL('../../../kernels/', import.meta.url);

/** The kernels as built; the V8 flags that they want are set before the first is read. */
export const kernelBuilds: KernelBuilds = {
  modes: simdModes,
  async read(name) {
    setKernelFlags();
    return new Uint8Array(await readFile(new URL(`kernels-${name}.wasm`, kernelsDirectory)));
  },
};

const nodePlatform: Platform = {
  cores: availableParallelism(),
  memoryBytes: machineBytes(),
  isShared: true,
  kernels: kernelBuilds,
  startCrew,
  compileGrammar,
  startTexts,
  openAdapter,
};

/** A path or name, a hub reference or URL, or the bytes of a GGUF file. */
export type ModelInput = string | URL | Uint8Array | ArrayBuffer | Blob;

/**
 * Loads a model: the path of a GGUF file, the name of a model that is here (see `waferflow list`), `hf:OWNER/REPO` or
 * another reference, which is fetched once, the bytes of a file, or without a name the embedded one. Call `close()` on
 * the engine when it is no longer needed.
 *
 * @throws FormatError, ModelError, OptionError, HubError or EngineError; nothing stays loaded then
 */
export async function load(model?: ModelInput, options: LoadOptions = {}): Promise<Engine> {
  const source = await openSource(model, options.signal);
  try {
    return await openEngine(source, options, nodePlatform);
  } finally {
    endLoading();
    await source.close?.();
  }
}

async function openSource(
  model: ModelInput | undefined,
  signal: AbortSignal | undefined,
): Promise<ByteSource & Partial<FileSource>> {
  if (model instanceof Blob) return blobSource(model);
  if (model instanceof ArrayBuffer) return bytesSource(new Uint8Array(model));
  if (ArrayBuffer.isView(model)) return bytesSource(model);
  if (model instanceof URL && model.protocol === 'file:') return openModelSource(fileURLToPath(model));
  if (model === undefined || typeof model === 'string' || model instanceof URL)
    return openModelSource(await obtainModel(model === undefined ? model : String(model), { signal }));
  throw new OptionError({
    what: 'model',
    given: model === null ? 'null' : typeof model,
    expected: 'a path, name, reference or URL, or the bytes of a GGUF file',
    todo: 'Leave it out for the embedded model.',
  });
}
