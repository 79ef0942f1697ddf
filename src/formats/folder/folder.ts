/**
 * A Hugging Face folder as the GGUF file that it would be: a header made from its JSON files, and tensors read from its
 * safetensors when they are asked for. Nothing of the weights is held but what is being turned.
 */
import { FormatError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';
import { type GgufInput, type GgufTensorShape, ggufHeader, tensorBytes } from '../gguf-writer.js';
import { type ByteSource, endOfSource } from '../source.js';
import { type FolderConfig, ggufTensorName, type Json, readFolderConfig } from './config.js';
import { readSafetensors, type StoredTensor } from './safetensors.js';
import { tokenizerMetadata } from './tokenizer-json.js';

/** Where the files of a folder come from. */
export interface FolderFiles {
  readonly name: string;
  /** Undefined where there is no such file. */
  text(file: string): Promise<string | undefined>;
  open(file: string): Promise<ByteSource>;
}

interface LaidTensor extends GgufTensorShape {
  read(offset: number, target: Uint8Array): Promise<void>;
}

function wrong(what: string, given: string, expected: string): FormatError {
  return new FormatError({ what, given, expected, todo: 'Fetch the folder again.' });
}

/** Reads the headers of a folder. Rejects with FormatError or ModelError. */
export async function openFolder(files: FolderFiles): Promise<ByteSource> {
  const json = async (file: string): Promise<Json | undefined> => {
    const text = await files.text(file);
    if (text === undefined) return undefined;
    const value = parseJson(text, `${files.name}/${file}`);
    if (typeof value !== 'object' || value === null)
      throw wrong(`${files.name}/${file}`, JSON.stringify(value), 'a JSON object');
    return value as Json;
  };
  const need = async (file: string): Promise<Json> => {
    const value = await json(file);
    if (value === undefined) throw wrong(`${files.name}/${file}`, 'no such file', 'all files of the model');
    return value;
  };
  const configFile = `${files.name}/config.json`;
  const raw = await need('config.json');
  const config = readFolderConfig(raw, configFile);
  const generation = { ...raw, ...(await json('generation_config.json')) };
  const tokenizerFile = `${files.name}/tokenizer.json`;
  const templates = templatesOf(
    (await files.text('chat_template.jinja')) ?? (await json('tokenizer_config.json'))?.chat_template,
  );
  const metadata: Record<string, GgufInput> = {
    'general.architecture': config.architecture,
    'general.name': files.name.split(/[\\/]/).at(-1)!,
    ...config.metadata,
    ...tokenizerMetadata(await need('tokenizer.json'), tokenizerFile, Number(raw.vocab_size)),
    ...specialIds(generation),
    ...templates,
  };
  const stored = await readTensors(files, await json('model.safetensors.index.json'));
  return layOut(files.name, metadata, layTensors(stored, config, raw.tie_word_embeddings === true));
}

/** One template, or several with names of which one is `default`. */
function templatesOf(template: unknown): Record<string, GgufInput> {
  if (typeof template === 'string') return { 'tokenizer.chat_template': template };
  const named: Record<string, GgufInput> = {};
  for (const entry of Array.isArray(template) ? (template as Json[]) : []) {
    if (typeof entry.name !== 'string' || typeof entry.template !== 'string') continue;
    const suffix = entry.name === 'default' ? '' : `.${entry.name}`;
    named[`tokenizer.chat_template${suffix}`] = entry.template;
  }
  return named;
}

/** Of several end tokens the first two have keys; the others are known by their texts. */
function specialIds({ bos_token_id: bos, eos_token_id: eos }: Json): Record<string, GgufInput> {
  const [first, second] = (Array.isArray(eos) ? eos : [eos]) as unknown[];
  return {
    ...(typeof bos === 'number' && { 'tokenizer.ggml.bos_token_id': bos }),
    ...(typeof first === 'number' && { 'tokenizer.ggml.eos_token_id': first }),
    ...(typeof second === 'number' && { 'tokenizer.ggml.eot_token_id': second }),
  };
}

async function readTensors(files: FolderFiles, index: Json | undefined): Promise<StoredTensor[]> {
  const map = (index?.weight_map ?? {}) as Record<string, unknown>;
  const names = index === undefined ? ['model.safetensors'] : [...new Set(Object.values(map).map(String))];
  const tensors = new Map<string, StoredTensor>();
  for (const name of names) {
    if (/[\\/]/.test(name)) throw wrong(`${files.name}: index`, JSON.stringify(name), 'files of this folder');
    for (const tensor of await readSafetensors(await files.open(name))) {
      const other = tensors.get(tensor.name);
      if (other !== undefined) {
        throw wrong(
          `${tensor.source.name}: tensor "${tensor.name}"`,
          `one that ${other.source.name} has too`,
          'every tensor in one file',
        );
      }
      tensors.set(tensor.name, tensor);
    }
  }
  for (const name of Object.keys(map))
    if (!tensors.has(name))
      throw wrong(`${files.name}: index`, `"${name}", which ${map[name]} lacks`, 'every tensor in its file');
  return [...tensors.values()];
}

const kept = ['F32', 'F16', 'BF16'] as const;

function layTensors(stored: readonly StoredTensor[], config: FolderConfig, tied: boolean): LaidTensor[] {
  const laid: LaidTensor[] = [];
  for (const tensor of stored) {
    // A tied output is the embedding once more; frequencies follow from the config.
    if ((tied && tensor.name === 'lm_head.weight') || tensor.name.endsWith('.rotary_emb.inv_freq')) continue;
    const what = `${tensor.source.name}: tensor "${tensor.name}"`;
    const name = ggufTensorName(tensor.name);
    const type = kept.find((each) => each === tensor.dtype);
    if (name === undefined)
      throw wrong(what, `one that ${config.architecture} has no use for`, 'only tensors that take part');
    if (type === undefined) throw wrong(what, tensor.dtype, kept.join(', '));
    if (tensor.shape.length < 1 || tensor.shape.length > 2)
      throw wrong(what, `[${tensor.shape.join(', ')}]`, 'one or two dimensions');
    const heads = /\.attn_q\./.test(name) ? config.heads : /\.attn_k\./.test(name) ? config.kvHeads : 0;
    const turned = config.pairsRope && heads > 0;
    if (turned && tensor.shape[0] !== heads * config.headDim)
      throw wrong(what, `${tensor.shape[0]} rows`, `${heads} heads of ${config.headDim} from config.json`);
    const dims = [...tensor.shape].reverse();
    if (dims.length === 1) laid.push(vector(name, tensor, turned ? config.headDim : 1));
    else if (turned) laid.push(turnedHeads(name, type, dims, tensor, config.headDim));
    else
      laid.push({
        name,
        type,
        dims,
        read: (offset, target) => tensor.source.read(tensor.offset + offset, target),
      });
  }
  if (config.ropeFactors !== null) laid.push(inMemory('rope_freqs.weight', config.ropeFactors));
  return laid;
}

function inMemory(name: string, values: Float32Array): LaidTensor {
  const bytes = new Uint8Array(values.buffer);
  return {
    name,
    type: 'F32',
    dims: [values.length],
    read: (offset, target) => {
      target.set(bytes.subarray(offset, offset + target.length));
      return Promise.resolve();
    },
  };
}

/** A vector in F32, as norms and biases are in every GGUF file. */
function vector(name: string, tensor: StoredTensor, headDim: number): LaidTensor {
  const length = tensor.shape[0]!;
  let values: Promise<LaidTensor> | undefined;
  const load = async (): Promise<LaidTensor> => {
    const bytes = new Uint8Array(tensor.byteLength);
    await tensor.source.read(tensor.offset, bytes);
    const floats = floatsOf(bytes, tensor.dtype);
    return inMemory(name, headDim > 1 ? floats.map((_, i) => floats[storedRow(i, headDim)]!) : floats);
  };
  return {
    name,
    type: 'F32',
    dims: [length],
    read: async (offset, target) => {
      values ??= load();
      return (await values).read(offset, target);
    },
  };
}

function floatsOf(bytes: Uint8Array, dtype: string): Float32Array {
  const view = new DataView(bytes.buffer);
  if (dtype === 'F32')
    return Float32Array.from({ length: bytes.length / 4 }, (_, i) => view.getFloat32(4 * i, true));
  return Float32Array.from({ length: bytes.length / 2 }, (_, i) => {
    const bits = view.getUint16(2 * i, true);
    return dtype === 'BF16' ? bfloat(bits) : half(bits);
  });
}

const word = new DataView(new ArrayBuffer(4));
function bfloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** Which row of a folder's tensor is row `row` of GGUF's: partners in RoPE are neighbours there and half a head apart here. */
function storedRow(row: number, headDim: number): number {
  const inHead = row % headDim;
  return row - inHead + (inHead % 2) * (headDim / 2) + Math.floor(inHead / 2);
}

function turnedHeads(
  name: string,
  type: LaidTensor['type'],
  dims: readonly number[],
  tensor: StoredTensor,
  headDim: number,
): LaidTensor {
  const rowBytes = tensor.byteLength / dims[1]!;
  const headBytes = headDim * rowBytes;
  return {
    name,
    type,
    dims,
    async read(offset, target) {
      const head = new Uint8Array(headBytes);
      const turned = new Uint8Array(headBytes);
      for (let at = 0; at < target.length; ) {
        const start = Math.floor((offset + at) / headBytes) * headBytes;
        await tensor.source.read(tensor.offset + start, head);
        for (let row = 0; row < headDim; row++) {
          const from = storedRow(row, headDim) * rowBytes;
          turned.set(head.subarray(from, from + rowBytes), row * rowBytes);
        }
        const part = turned.subarray(offset + at - start, offset + target.length - start);
        target.set(part, at);
        at += part.length;
      }
    },
  };
}

/** Header and tensors as one source. */
function layOut(
  name: string,
  metadata: Record<string, GgufInput>,
  tensors: readonly LaidTensor[],
): ByteSource {
  const header = ggufHeader(metadata, tensors);
  const parts = [
    { start: 0, length: header.bytes.length, read: headerReader(header.bytes) },
    ...tensors.map((tensor, i) => ({
      start: header.offsets[i]!,
      length: tensorBytes(tensor),
      read: tensor.read,
    })),
  ];
  const source: ByteSource = {
    name,
    byteLength: header.fileBytes,
    async read(offset, target) {
      const end = offset + target.length;
      if (end > header.fileBytes) throw endOfSource(source, offset, target.length);
      // What no part fills is the padding between tensors.
      target.fill(0);
      for (const { start, length, read } of parts) {
        const from = Math.max(offset, start);
        const to = Math.min(end, start + length);
        if (from < to) await read(from - start, target.subarray(from - offset, to - offset));
      }
    },
  };
  return source;
}

function headerReader(bytes: Uint8Array): LaidTensor['read'] {
  return (offset, target) => {
    target.set(bytes.subarray(offset, offset + target.length));
    return Promise.resolve();
  };
}
