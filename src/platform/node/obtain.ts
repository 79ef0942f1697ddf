/** A model that is wanted: what is not here yet is fetched, once its header says that it runs here. */
import { FormatError, ModelError } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { readGguf } from '../../formats/gguf.js';
import { inspectModel } from '../../formats/inspect.js';
import type { ByteSource } from '../../formats/source.js';
import { type HubAccess, hubFiles, hubHead } from '../hub/files.js';
import type { ModelReference } from '../hub/reference.js';
import { missingReference, modelsDirectory, resolveModel } from './models.js';
import { pullModel, remoteOf } from './pull.js';
import { isFolder, pullFolder } from './pull-folder.js';

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
  const all = {
    ...access,
    directory: modelsDirectory(),
    ...(options.onProgress && { onProgress: options.onProgress }),
    ...(options.onWait && { onWait: options.onWait }),
  };
  const force = options.force ?? false;
  const isOpen = reference.kind === 'hub' && reference.file === null;
  const listed = isOpen ? await hubFiles(reference.repository, access) : undefined;
  if (isOpen && reference.type === null && !listed!.some(isGguf) && isFolder(listed!)) {
    return pullFolder(reference.repository, listed!, {
      ...all,
      beforeFetch: async (source) => {
        await checkHeader(source, force, null);
      },
      onFetch: (name, sizeBytes) => options.onFetch?.(name, sizeBytes, null),
    });
  }
  const remote = await remoteOf(reference, access, listed);
  return pullModel(remote, {
    ...all,
    async beforeFetch(info) {
      const source = hubHead(info, access);
      try {
        const licence = await checkHeader(source, force, info.sizeBytes);
        options.onFetch?.(remote.place.slice(-1)[0]!, info.sizeBytes, licence);
      } finally {
        await source.close();
      }
    },
  });
}

const isGguf = (file: string): boolean => file.endsWith('.gguf');

/** The licence that the header names. Rejects with ModelError where it says that the model does not run here. */
async function checkHeader(
  source: ByteSource,
  force: boolean,
  sizeBytes: number | null,
): Promise<string | null> {
  try {
    const file = await readGguf(source);
    const { runs, refusals } = inspectModel(file);
    if (!runs && !force) {
      throw new ModelError({
        what: source.name,
        given: `a model that does not run here: ${refusals.join(' ')}`,
        expected: 'one that does',
        todo: `Nothing was fetched. Choose another type or model, or fetch ${sizeBytes === null ? 'it' : `its ${formatBytes(sizeBytes)}`} anyway with --force.`,
      });
    }
    return file.optional('general.license', 'string', null);
  } catch (thrown) {
    if (thrown instanceof FormatError && force) return null;
    throw thrown;
  }
}
