/** What a model takes and is, from its header: before it is loaded, and without loading it. */
import { readdir, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { writesText } from '../../../models/embedding.js';
import { parameterCount } from '../../../models/weights.js';
import { prepare } from '../../runtime/open.js';
import type { LoadOptions } from '../../runtime/types.js';
import type { ModelFacts } from '../../server/models/served.js';
import { openModelSource } from './file-source.js';

export interface MeasuredModel extends ModelFacts {
  /** Of memory, once it is loaded with these options. */
  readonly bytes: number;
}

/** @throws FormatError, ModelError or OptionError where it could not be loaded */
export async function measureModel(path: string, options: LoadOptions): Promise<MeasuredModel> {
  const source = await openModelSource(path);
  try {
    const platform = { cores: availableParallelism(), isShared: true };
    const { file, model, tokenizer, memoryBytes, weightBytes } = await prepare(source, options, platform);
    return {
      bytes: memoryBytes,
      name: file.optional('general.name', 'string', null) ?? source.name,
      architecture: model.architecture,
      shape: model.shape,
      parameters: parameterCount(model.ops),
      weightBytes,
      licence: file.optional('general.license', 'string', null),
      chatTemplate: tokenizer.chatTemplate,
      fills: tokenizer.fim !== null,
      vocabSize: tokenizer.vocabSize,
      makesVectors: !writesText(model),
    };
  } finally {
    await source.close();
  }
}

/** Changes when a model's file, or a file of its folder, has changed; null where it is gone. */
export async function modelVersion(path: string): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return null;
  if (!found.isDirectory()) return stampOf(found);
  const names = await readdir(path).catch(() => []);
  const files = await Promise.all(names.sort().map((name) => stat(join(path, name)).catch(() => null)));
  return files.map((file) => (file === null ? '' : stampOf(file))).join(' ');
}

function stampOf({ ino, size, mtimeMs }: { ino: number; size: number; mtimeMs: number }): string {
  return `${ino}:${size}:${mtimeMs}`;
}
