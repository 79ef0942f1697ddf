/** Files as byte sources. Reads go straight into the target, shared WebAssembly memory included. */
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { FormatError, messageOf } from '../../core/errors.js';
import { MiB } from '../../core/units.js';
import { type FolderFiles, type FolderSource, openFolder, tooLarge } from '../../formats/folder/folder.js';
import { type GgufFile, readGguf } from '../../formats/gguf.js';
import { type ByteSource, endOfSource } from '../../formats/source.js';
import type { AdapterFiles } from '../../runtime/adapters.js';

export interface FileSource extends ByteSource {
  /** Where it is a folder. */
  readonly folder?: FolderSource;
  close(): Promise<void>;
}

/** One read call moves at most this much: the kernel's own limit is just under 2 GiB, and a signal is seen in between. */
const maxReadBytes = 64 * MiB;

const reasons: Readonly<Record<string, readonly [given: string, todo: string]>> = {
  ENOENT: ['no such file', 'Check the path.'],
  ENOTDIR: ['no such file', 'Check the path.'],
  EISDIR: ['a directory', 'Give the path of a file in it.'],
  EACCES: ['permission denied', 'Allow this user to read the file.'],
  EPERM: ['permission denied', 'Allow this user to read the file.'],
};

/** Why a file cannot be read. */
export function fileError(path: string, thrown: unknown, expected = 'a readable file'): FormatError {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  const [given, todo] = reasons[code] ?? [messageOf(thrown), 'Check the file and the disk it lies on.'];
  return new FormatError({ what: path, given, expected, todo }, { cause: thrown });
}

/** Opens a model, a file or a Hugging Face folder that is read as one; the caller closes it. Rejects with FormatError. */
export async function openModelSource(path: string): Promise<FileSource> {
  return (await isDirectory(path)) ? openFolderSource(path) : openFileSource(path);
}

function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function openFolderSource(path: string): Promise<FileSource> {
  const { files, close } = folderFiles(path);
  try {
    const folder = await openFolder(files);
    return { ...folder, folder, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** The files of a folder, and what closes those that were opened. */
function folderFiles(path: string): { readonly files: FolderFiles; close(): Promise<void> } {
  const opened: FileSource[] = [];
  const files: FolderFiles = {
    name: path,
    async text(file, most) {
      const full = join(path, file);
      const read = async (): Promise<string> => {
        const { size } = await stat(full);
        if (size > most) throw tooLarge(full, size, most);
        return readFile(full, 'utf8');
      };
      return read().catch((thrown: unknown) => {
        const error = thrown instanceof FormatError ? thrown : fileError(full, thrown);
        if (error.facts.given === 'no such file') return undefined;
        throw error;
      });
    },
    async open(file) {
      const source = await openFileSource(join(path, file));
      opened.push(source);
      return source;
    },
  };
  const close = async (): Promise<void> => {
    await Promise.all(opened.map((source) => source.close()));
  };
  return { files, close };
}

/** Opens a LoRA adapter: a GGUF file, or a folder as PEFT writes it, by its own name or that of a file in it. */
export async function openAdapter(path: string): Promise<AdapterFiles> {
  const folder = /[\\/]adapter_(config\.json|model\.safetensors)$/.test(path) ? dirname(path) : path;
  if (!(await isDirectory(folder))) {
    const gguf = await openFileSource(path);
    return { gguf, close: () => gguf.close() };
  }
  const { files, close } = folderFiles(folder);
  return { peft: files, close };
}

/** Opens a file for reading; the caller closes it. Rejects with FormatError when it cannot be read. */
export async function openFileSource(path: string): Promise<FileSource> {
  let handle: FileHandle;
  let byteLength: number;
  try {
    handle = await open(path, 'r');
  } catch (thrown) {
    throw fileError(path, thrown);
  }
  try {
    const found = await handle.stat();
    if (found.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
    byteLength = found.size;
  } catch (thrown) {
    await handle.close();
    throw fileError(path, thrown);
  }
  const neighbors: FileSource[] = [];
  return {
    name: path,
    byteLength,
    async neighbor(name) {
      const source = await openFileSource(join(dirname(path), name));
      neighbors.push(source);
      return source;
    },
    async read(offset, target) {
      let done = 0;
      while (done < target.byteLength) {
        const length = Math.min(maxReadBytes, target.byteLength - done);
        const { bytesRead } = await handle
          .read(target, done, length, offset + done)
          .catch((thrown: unknown) => {
            throw fileError(path, thrown);
          });
        // The file ends early: a bad offset, or it shrank since it was opened.
        if (bytesRead === 0)
          throw endOfSource({ name: path, byteLength: offset + done }, offset, target.byteLength);
        done += bytesRead;
      }
    },
    async close() {
      await Promise.all([handle.close(), ...neighbors.map((source) => source.close())]);
    },
  };
}

/** The header of a GGUF file, for the time of `use`. */
export async function withGguf<T>(path: string, use: (file: GgufFile) => T): Promise<Awaited<T>> {
  const source = await openModelSource(path);
  try {
    return await use(await readGguf(source));
  } finally {
    await source.close();
  }
}
