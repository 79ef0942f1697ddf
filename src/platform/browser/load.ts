/** `load` for browsers. */
import { FormatError } from '../../core/errors.js';
import { openEngine, type Platform } from '../../runtime/open.js';
import { type Engine, type LoadOptions, type SimdMode, simdModes } from '../../runtime/types.js';
import { blobSource } from '../blob-source.js';
import { type StartWorker, startAlone, startCrew } from './crew.js';
import { urlSource } from './sources.js';

/** What only the bundle of a page knows. */
export interface BrowserParts {
  /** Where the builds of the kernels lie, that of `unshared` for pages whose threads cannot share memory. */
  readonly kernels: Readonly<Record<SimdMode | 'probe' | 'unshared', string>>;
  /** Starts a Web Worker on worker-entry.ts. */
  readonly startWorker: StartWorker;
}

/** With cross-origin isolation a worker per core, without it one on the calling thread. */
export function browserPlatform({ kernels, startWorker }: BrowserParts): Platform {
  if (!crossOriginIsolated) {
    return {
      cores: 1,
      isShared: false,
      kernels: { modes: ['simd'], read: () => fetchBytes(kernels.unshared) },
      startCrew: startAlone,
    };
  }
  return {
    cores: navigator.hardwareConcurrency,
    isShared: true,
    kernels: { modes: simdModes, read: (name) => fetchBytes(kernels[name]) },
    startCrew: (init) => startCrew(init, startWorker),
  };
}

/**
 * Loads a GGUF file from a URL or as the file itself. Call it in a Web Worker: packing weights keeps its thread busy.
 *
 * @throws FormatError, ModelError, OptionError or EngineError; nothing stays loaded then
 */
export async function load(model: string | Blob, options: LoadOptions, parts: BrowserParts): Promise<Engine> {
  const source = typeof model === 'string' ? await urlSource(model, options.signal) : blobSource(model);
  return await openEngine(source, options, browserPlatform(parts));
}

async function fetchBytes(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url).catch(() => null);
  if (response?.ok !== true) {
    throw new FormatError({
      what: url,
      given: response === null ? 'no answer' : `HTTP status ${response.status}`,
      expected: 'the kernels of this page',
      todo: 'Is the server still there? Reload the page.',
    });
  }
  return new Uint8Array(await response.arrayBuffer());
}
