/** A model's file with its matrices in another type, made when they are read: what `quantize` writes and `--quantize` loads. */
import { QUANTS, weightTypes } from '../../kernels/quants/index.js';
import { isBlockQuant } from '../../kernels/quants/quant.js';
import { OptionError } from '../core/errors.js';
import { GgufFile, type TensorInfo, type WeightInfo } from './gguf-file.js';
import { ggufView } from './gguf-view.js';
import type { GgufInput } from './gguf-writer.js';
import { columnsOf, decoded, type Matrix, rowBytes } from './matrix.js';
import { dequantize } from './quantize.js';
import type { WeightType } from './tensor-types.js';

interface Mix {
  readonly type: WeightType;
  /** Of half of the matrices for which bits matter most: values, and the MLP's way back. */
  readonly more?: WeightType;
}

/** Names of llama-quantize that stand for more than a type. */
const mixes: Readonly<Record<string, Mix>> = {
  Q4_K_S: { type: 'Q4_K' },
  Q4_K_M: { type: 'Q4_K', more: 'Q6_K' },
  Q5_K_S: { type: 'Q5_K' },
  Q5_K_M: { type: 'Q5_K', more: 'Q6_K' },
};

/** What stands in where rows are no whole blocks; F16 where that does not fit either. */
const narrower: Partial<Readonly<Record<WeightType, WeightType>>> = {
  Q2_K: 'Q4_0',
  Q3_K: 'Q4_0',
  Q4_K: 'Q5_0',
  Q5_K: 'Q5_1',
  Q6_K: 'Q8_0',
  IQ4_XS: 'IQ4_NL',
};

/** Bits are lost nowhere that a few rows decide much: routers, convolutions, positions. */
const kept = /_norm\.weight$|ffn_gate_inp|conv|position_embd|token_types|rope_f|attn_rel_b/;

const bitsOf = (type: WeightType): number => (8 * QUANTS[type].bytes) / QUANTS[type].block;
const isWritten = (type: WeightType): boolean => {
  const quant = QUANTS[type];
  return !isBlockQuant(quant) || quant.pack !== null;
};

/** The names that a model can be quantised to. */
export function quantisations(): string[] {
  return [...weightTypes.filter(isWritten), ...Object.keys(mixes)];
}

/** Reads a name such as `q4_k`. Throws OptionError on one of none. */
function mixOf(name: string): Mix {
  const upper = name.toUpperCase();
  const mix = Object.hasOwn(mixes, upper) ? mixes[upper] : undefined;
  if (mix) return mix;
  const type = weightTypes.find((one) => one === upper);
  if (type !== undefined && isWritten(type)) return { type };
  throw new OptionError({
    what: 'quantisation',
    given: JSON.stringify(name),
    expected: quantisations().join(', ').toLowerCase(),
    todo: 'Take, for example, q8_0 or q4_k.',
  });
}

/** @throws OptionError for a name that {@link quantisations} does not list */
export function requireQuantisation(name: string): void {
  mixOf(name);
}

/** The file with its matrices in the type or mix of that name. Rejects with OptionError or FormatError. */
export async function quantized(file: GgufFile, name: string): Promise<GgufFile> {
  const mix = mixOf(name);
  const head = file.tensors.has('output.weight') ? 'output.weight' : 'token_embd.weight';
  const matrices = new Map<string, Matrix>();
  for (const tensor of file.tensors.keys()) {
    const info = file.requireWeight(tensor);
    const matrix = storedMatrix(file, info);
    const type = typeOf(info, mix, head, layersOf(file));
    matrices.set(tensor, type === info.type ? matrix : retyped(matrix, type));
  }
  const { source, header } = ggufView(file.source.name, await storedMetadata(file), matrices);
  const tensors = [...matrices].map(([tensor, matrix], i): [string, TensorInfo] => [
    tensor,
    {
      ...file.tensors.get(tensor)!,
      type: matrix.type,
      offset: header.offsets[i]!,
      byteLength: rowBytes(matrix) * matrix.shape.slice(0, -1).reduce((a, b) => a * b, 1),
    },
  ]);
  return new GgufFile(source, file.version, file.metadata, new Map(tensors));
}

function layersOf(file: GgufFile): number {
  const architecture = file.require('general.architecture', 'string');
  return file.optional(`${architecture}.block_count`, 'count', 1);
}

function typeOf({ name, dims, type }: WeightInfo, mix: Mix, head: string, layers: number): WeightType {
  if (dims.length < 2 || !name.endsWith('.weight') || kept.test(name)) return type;
  let wanted = mix.type;
  if (name === head && bitsOf(wanted) < bitsOf('Q6_K')) wanted = 'Q6_K';
  const layer = Number(/^blk\.(\d+)\.(attn_v|ffn_down)/.exec(name)?.[1] ?? Number.NaN);
  const eighth = Math.floor(layers / 8);
  if (mix.more && (layer < eighth || layer >= 7 * eighth || (layer - eighth) % 3 === 2)) wanted = mix.more;
  const fits = (one: WeightType): boolean => dims[0]! % QUANTS[one].block === 0;
  if (fits(wanted)) return wanted;
  const other = narrower[wanted];
  return other !== undefined && fits(other) ? other : 'F16';
}

function storedMatrix(
  file: GgufFile,
  { name, type, dims, offset, byteLength, elements }: WeightInfo,
): Matrix {
  const bytes = (byteLength * dims[0]!) / elements;
  return {
    what: `${file.source.name}: tensor "${name}"`,
    type,
    shape: [...dims].reverse(),
    read: (row, target) => file.source.read(offset + row * bytes, target),
  };
}

function retyped(matrix: Matrix, type: WeightType): Matrix {
  const stored = rowBytes(matrix);
  const columns = columnsOf(matrix);
  return decoded(matrix, type, async (row, values) => {
    const bytes = new Uint8Array((values.length / columns) * stored);
    await matrix.read(row, bytes);
    values.set(dequantize(bytes, matrix.type));
  });
}

/** All keys as they are stored, but for those that speak of parts and of the types. */
async function storedMetadata({ source, places }: GgufFile): Promise<Record<string, GgufInput>> {
  const metadata: Record<string, GgufInput> = {};
  for (const [key, [from, to]] of places) {
    if (/^split\.|^general\.(file_type|alignment)$/.test(key)) continue;
    const stored = new Uint8Array(to - from);
    await source.read(from, stored);
    metadata[key] = { stored };
  }
  return metadata;
}
