/** The LoRA adapters that a model is loaded with: read, and put beside its weights or into them. */
import { FormatError, OptionError } from '../core/errors.js';
import type { FolderFiles } from '../formats/folder/folder.js';
import { readGguf } from '../formats/gguf.js';
import type { Adapter } from '../formats/lora/adapter.js';
import type { Adapted, Choice } from '../formats/lora/attach.js';
import type { PeftBase } from '../formats/lora/peft.js';
import { type ByteSource, bytesSource } from '../formats/source.js';
import type { LoadOptions, LoraOption } from './types.js';

/** An adapter's files, by what they are; to be closed. */
export interface AdapterFiles {
  readonly gguf?: ByteSource;
  readonly peft?: FolderFiles;
  close(): Promise<void>;
}

export type OpenAdapter = (path: string) => Promise<AdapterFiles>;

/** The choices that requests have: none, each adapter by its name, and all of them together. */
export interface AdapterChoices {
  readonly names: readonly string[];
  /** The number of a choice: by name, none for null, all together for undefined. */
  numberOf(name: string | null | undefined): number;
}

const none: AdapterChoices = choicesOf([]);

/** Rejects with FormatError, ModelError or OptionError. */
export async function adapt(
  to: Adapted,
  { lora = [], loraMerge = false }: LoadOptions,
  open: OpenAdapter | undefined,
): Promise<Adapted & { readonly adapters: AdapterChoices }> {
  if (lora.length === 0) return { ...to, adapters: none };
  // What reads adapters, and half a hundred families of folders for PEFT's, is loaded by who has some.
  const { attachAdapters, mergeAdapters } = await import('../formats/lora/attach.js');
  const { model } = to.stored;
  const base = { name: to.file.source.name, architecture: model.architecture, shape: model.shape };
  const all: Choice[number][] = [];
  for (const option of lora)
    all.push({ adapter: await readAdapter(option, base, open), scale: scaleOf(option) });
  if (loraMerge) return { ...mergeAdapters(to, all, base), adapters: none };
  const choices = all.map((one): Choice => [one]);
  if (all.length > 1) choices.push(all);
  return { ...attachAdapters(to, choices, base), adapters: choicesOf(lora.map(adapterName)) };
}

function choicesOf(names: readonly string[]): AdapterChoices {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new OptionError({
      what: 'option lora',
      given: `two adapters that are called "${twice}"`,
      expected: 'a name of its own for each',
      todo: 'Give one of them another name: NAME=FILE.',
    });
  }
  return {
    names,
    numberOf(name) {
      if (name === null || (name === undefined && names.length === 0)) return 0;
      if (name === undefined) return names.length === 1 ? 1 : names.length + 1;
      if (names.includes(name)) return names.indexOf(name) + 1;
      throw new OptionError({
        what: 'option adapter',
        given: JSON.stringify(name),
        expected: names.length === 0 ? 'none, as the model was loaded without' : names.join(', '),
        todo: 'Name one that the model was loaded with (lora), or null for none.',
      });
    },
  };
}

/** Its own, or that of its file. */
export function adapterName({ name, file }: LoraOption, i: number): string {
  if (name !== undefined) return name;
  if (typeof file !== 'string') return `adapter ${i + 1}`;
  const last = file
    .replace(/[\\/]+$/, '')
    .split(/[\\/]/)
    .at(-1)!;
  return last.replace(/\.gguf$/i, '');
}

function scaleOf({ scale = 1 }: LoraOption): number {
  if (Number.isFinite(scale)) return scale;
  throw new OptionError({
    what: 'option lora: scale',
    given: `${scale}`,
    expected: 'a finite number',
    todo: 'Use 1 for the adapter as it was made.',
  });
}

async function readAdapter(
  { file }: LoraOption,
  base: PeftBase,
  open: OpenAdapter | undefined,
): Promise<Adapter> {
  const { readGgufAdapter } = await import('../formats/lora/adapter.js');
  if (typeof file !== 'string') return readGgufAdapter(await readGguf(bytesSource(file)), base);
  if (open === undefined) {
    throw new OptionError({
      what: 'option lora',
      given: file,
      expected: 'the bytes of a GGUF adapter, as there are no files here',
      todo: 'Fetch it first.',
    });
  }
  const files = await open(file);
  try {
    if (files.peft) {
      const { readPeftAdapter } = await import('../formats/lora/peft.js');
      return await readPeftAdapter(files.peft, base);
    }
    if (files.gguf) return await readGgufAdapter(await readGguf(files.gguf), base);
  } finally {
    await files.close();
  }
  throw new FormatError({
    what: file,
    given: 'neither a file nor a folder',
    expected: 'a LoRA adapter',
    todo: 'Give a GGUF adapter or a PEFT folder.',
  });
}
