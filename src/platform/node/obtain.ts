/** A model that is wanted: what is not here yet is fetched, once its header says that it runs here. */
import { FormatError, ModelError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { readGguf } from '../../formats/gguf.js';
import { inspectModel } from '../../formats/inspect.js';
import { type HubAccess, type HubFileInfo, hubHead } from '../hub/files.js';
import type { ModelReference } from '../hub/reference.js';
import { missingReference, modelsDirectory, resolveModel } from './models.js';
import { pullModel, remoteOf } from './pull.js';

export interface ObtainOptions {
  readonly signal?: AbortSignal | undefined;
  /** Fetches what does not run here as well. */
  readonly force?: boolean;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
  /** Called before a download with what is fetched. */
  readonly onFetch?: (name: string, sizeBytes: number, licence: string | null) => void;
  /** Called once when another process fetches the same file, before the wait for it. */
  readonly onWait?: () => void;
}

/** The path of a model by any name that `resolveModel` takes, or that can be fetched. */
export async function obtainModel(model: string | undefined, options: ObtainOptions = {}): Promise<string> {
  const missing = model === undefined ? null : missingReference(model);
  return missing === null ? resolveModel(model) : fetchModel(missing, options);
}

/**
 * Fetches a model from the hub (HF_ENDPOINT, HF_TOKEN) or a URL into the directory of models.
 * @throws HubError, or ModelError where the header says that it does not run here
 */
export async function fetchModel(reference: ModelReference, options: ObtainOptions = {}): Promise<string> {
  const access: HubAccess = {
    endpoint: process.env.HF_ENDPOINT,
    token: process.env.HF_TOKEN,
    signal: options.signal,
  };
  const remote = await remoteOf(reference, access);
  return pullModel(remote, {
    ...access,
    directory: modelsDirectory(),
    async beforeFetch(info) {
      const licence = await checkHeader(info, access, options.force ?? false);
      options.onFetch?.(remote.place.slice(-1)[0]!, info.sizeBytes, licence);
    },
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.onWait && { onWait: options.onWait }),
  });
}

/** The licence that the header names. */
async function checkHeader(info: HubFileInfo, access: HubAccess, force: boolean): Promise<string | null> {
  const source = hubHead(info, access);
  try {
    const file = await readGguf(source);
    const { runs, refusals } = inspectModel(file);
    if (!runs && !force) {
      throw new ModelError({
        what: info.url,
        given: `a model that does not run here: ${refusals.join(' ')}`,
        expected: 'one that does',
        todo: `Nothing was fetched. Choose another type or model, or fetch its ${formatBytes(info.sizeBytes)} anyway with --force.`,
      });
    }
    return file.optional('general.license', 'string', null);
  } catch (thrown) {
    if (thrown instanceof FormatError && force) return null;
    throw thrown;
  } finally {
    await source.close();
  }
}
