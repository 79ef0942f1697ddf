/** Fetches a repository of safetensors as the folder that it is: headers are looked at first, config.json comes last. */
import { dirname } from 'node:path';
import { parseJson } from '../../core/json.js';
import { type FolderFiles, openFolder, tooLarge } from '../../formats/folder/folder.js';
import type { ByteSource } from '../../formats/source.js';
import { type HubAccess, hubFileInfo, hubHead, hubUrl } from '../hub/files.js';
import { type PullOptions, pullModel } from './pull.js';

/** Whose presence says that the others are there: it is fetched last. */
const last = 'config.json';
const index = 'model.safetensors.index.json';
const single = 'model.safetensors';
const besides = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'chat_template.jinja',
  'modules.json',
  index,
] as const;
/** What modules.json names, of models that make vectors. */
const module = /^[\w-]+\/(config\.json|model\.safetensors)$/;

/** Whether a repository's files are a folder that can be read. */
export function isFolder(files: readonly string[]): boolean {
  return files.includes(last) && (files.includes(index) || files.includes(single));
}

/** A repository as a folder whose files are fetched as far as they are read. */
function remoteFiles(
  repository: string,
  files: readonly string[],
  access: HubAccess,
): FolderFiles & { close(): Promise<void> } {
  const opened: { close(): Promise<void> }[] = [];
  const open = async (file: string): Promise<ByteSource> => {
    const source = hubHead(await hubFileInfo(hubUrl({ repository, file }, access), access), access);
    opened.push(source);
    return source;
  };
  return {
    name: `hf:${repository}`,
    open,
    async text(file, most) {
      if (!files.includes(file)) return undefined;
      const source = await open(file);
      if (source.byteLength > most) throw tooLarge(source.name, source.byteLength, most);
      const bytes = new Uint8Array(source.byteLength);
      await source.read(0, bytes);
      return new TextDecoder().decode(bytes);
    },
    async close() {
      await Promise.all(opened.map((source) => source.close()));
    },
  };
}

/** The files of weights, by the index where there is one. */
async function weightFiles(remote: FolderFiles, files: readonly string[]): Promise<string[]> {
  const text = files.includes(index) ? await remote.text(index, 32 << 20) : undefined;
  if (text === undefined) return [single];
  const { weight_map: map } = (parseJson(text, `${remote.name}/${index}`) ?? {}) as { weight_map?: object };
  return [...new Set(Object.values(map ?? {}).map(String))];
}

/**
 * Fetches the folder to `directory/OWNER/REPO`; what an interrupted call left is gone on with.
 *
 * @returns its path
 * @throws HubError, or FormatError and ModelError for what cannot be read, before any weights are fetched
 */
export async function pullFolder(
  repository: string,
  files: readonly string[],
  options: Omit<PullOptions, 'beforeFetch'> & {
    /** Called with its headers before anything is fetched; what it throws ends the call. */
    readonly beforeFetch: (source: ByteSource) => Promise<void>;
    readonly onFetch?: (name: string, sizeBytes: number) => void;
  },
): Promise<string> {
  const remote = remoteFiles(repository, files, options);
  let weights: readonly string[];
  try {
    weights = await weightFiles(remote, files);
    await options.beforeFetch(await openFolder(remote));
  } finally {
    await remote.close();
  }
  const modules = files.includes('modules.json') ? files.filter((file) => module.test(file)) : [];
  const wanted = [...weights, ...modules, ...besides.filter((file) => files.includes(file)), last];
  const urls = wanted.map((file) => hubUrl({ repository, file }, options));
  const sizes: number[] = [];
  for (const url of urls) sizes.push((await hubFileInfo(url, options)).sizeBytes);
  const total = sizes.reduce((a, b) => a + b, 0);
  options.onFetch?.(`hf:${repository}`, total);
  let path = '';
  let before = 0;
  for (const [i, file] of wanted.entries()) {
    const { beforeFetch: _, onProgress, ...rest } = options;
    path = await pullModel(
      { url: urls[i]!, place: [...repository.split('/'), ...file.split('/')] },
      { ...rest, keepsWhole: true, onProgress: (done) => onProgress?.(before + done, total) },
    );
    before += sizes[i]!;
  }
  return dirname(path);
}
