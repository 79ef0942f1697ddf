/** The public API for pages (`waferflow/browser`, and `waferflow` in a bundle for browsers): load, plan, and types. */
import type { Engine, LoadOptions } from '../../runtime/types.js';
import { type BrowserParts, load as loadWith } from './load.js';

export type { ModelCard } from '../../../models/card.js';
export * from '../../core/errors.js';
export type * from '../../runtime/types.js';
export { plan } from '../../timing/estimate.js';
export type * from '../../timing/estimate-types.js';
export { findMachine, simulate } from '../../timing/local-run.js';

/** Written so that bundlers see them: they carry the files along and put their own addresses here. */
const parts: BrowserParts = {
  kernels: {
    simd: new URL('../../../kernels/kernels-simd.wasm', import.meta.url).href,
    relaxed: new URL('../../../kernels/kernels-relaxed.wasm', import.meta.url).href,
    u8s8: new URL('../../../kernels/kernels-u8s8.wasm', import.meta.url).href,
    s8s8: new URL('../../../kernels/kernels-s8s8.wasm', import.meta.url).href,
    probe: new URL('../../../kernels/kernels-probe.wasm', import.meta.url).href,
    unshared: new URL('../../../kernels/kernels-unshared.wasm', import.meta.url).href,
  },
  startWorker: (name) => new Worker(new URL('./worker-entry.js', import.meta.url), { type: 'module', name }),
};

/**
 * Loads a model: the URL of a GGUF file, a file or other blob, or its bytes. Packing weights keeps its thread busy, so
 * a page that moves meanwhile calls it in a Web Worker. With cross-origin isolation a worker per core computes, else
 * one, on the calling thread.
 *
 * @throws FormatError, ModelError, OptionError or EngineError; nothing stays loaded then
 */
export function load(
  model: string | URL | Blob | Uint8Array<ArrayBuffer> | ArrayBuffer,
  options: LoadOptions = {},
): Promise<Engine> {
  const isBytes = model instanceof ArrayBuffer || ArrayBuffer.isView(model);
  return loadWith(isBytes ? new Blob([model]) : model instanceof URL ? model.href : model, options, parts);
}
