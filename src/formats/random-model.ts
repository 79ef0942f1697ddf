/**
 * Llama models with seeded random weights, as GGUF: for tests, and for benches that need a shape and no sense. They load
 * in llama.cpp as well.
 */
import { OptionError } from '../core/errors.js';
import { Rng } from '../core/rng.js';
import { type GgufInput, type GgufTensorShape, ggufHeader } from './gguf-writer.js';
import { quantize } from './quantize.js';
import { tensorType, type WeightType } from './tensor-types.js';
import { byteToChar } from './tokenizers/bpe.js';
import { metaSpace } from './tokenizers/sentencepiece.js';

export interface RandomLlama {
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly intermediateSize: number;
  readonly vocabSize: number;
  /** Default 512. */
  readonly context?: number;
  /** Type of the matrices, of each by its name, F16 where their rows are no whole blocks; norms are F32. Default F32. */
  readonly weightType?: WeightType | ((tensor: string) => WeightType);
  /** Matrices repeat pieces of so many elements in a random order, so that files of gigabytes are made in seconds. */
  readonly pieces?: { readonly elements: number; readonly count: number };
  /** Default `llama`. */
  readonly tokenizer?: 'llama' | 'gpt2';
  /** Default true: the output head is the embedding. */
  readonly tieWordEmbeddings?: boolean;
  /** Divisors of the RoPE frequencies, one per pair of dimensions, as Llama 3 models have. */
  readonly ropeFactors?: Float32Array;
  /** Default 1. */
  readonly seed?: number;
  /** Added to the metadata, or put in place of it. */
  readonly metadata?: Readonly<Record<string, GgufInput>>;
}

export interface RandomModelFile {
  readonly fileBytes: number;
  /** The file in order, a few hundred KiB at a time; the same bytes for the same options. */
  chunks(): Generator<Uint8Array<ArrayBuffer>>;
}

/** Elements made at a time: a whole number of blocks of every type. */
const chunkElements = 1 << 17;

/** A model file that is made while it is written. Throws OptionError on a vocabulary too small for its bytes. */
export function randomModel(options: RandomLlama): RandomModelFile {
  const tensors = tensorShapes(options);
  const header = ggufHeader({ ...metadataOf(options), ...options.metadata }, tensors);
  return {
    fileBytes: header.fileBytes,
    *chunks() {
      const rng = new Rng(options.seed ?? 1);
      yield header.bytes;
      let written = header.bytes.length;
      for (const [i, tensor] of tensors.entries()) {
        for (const chunk of tensorChunks(tensor, rng, options)) {
          yield chunk;
          written += chunk.length;
        }
        const padding = (header.offsets[i + 1] ?? header.fileBytes) - written;
        yield new Uint8Array(padding);
        written += padding;
      }
    },
  };
}

/** A small model as bytes. */
export function randomModelBytes(options: RandomLlama): Uint8Array<ArrayBuffer> {
  const model = randomModel(options);
  const bytes = new Uint8Array(model.fileBytes);
  let at = 0;
  for (const chunk of model.chunks()) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function tensorShapes(options: RandomLlama): GgufTensorShape[] {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, vocabSize } = options;
  const kvSize = (hiddenSize / numAttentionHeads) * numKeyValueHeads;
  const { weightType = 'F32' } = options;
  const matrix = (part: string, columns: number, rows: number): GgufTensorShape => {
    const name = `${part}.weight`;
    const wanted = typeof weightType === 'string' ? weightType : weightType(name);
    const type = columns % tensorType(wanted).blockElements === 0 ? wanted : 'F16';
    return { name, type, dims: [columns, rows] };
  };
  const vector = (name: string, size: number): GgufTensorShape => ({
    name: `${name}.weight`,
    type: 'F32',
    dims: [size],
  });
  const tensors = [matrix('token_embd', hiddenSize, vocabSize), vector('output_norm', hiddenSize)];
  if (options.tieWordEmbeddings === false) tensors.push(matrix('output', hiddenSize, vocabSize));
  if (options.ropeFactors !== undefined) tensors.push(vector('rope_freqs', options.ropeFactors.length));
  for (let layer = 0; layer < options.numHiddenLayers; layer++) {
    const name = (part: string) => `blk.${layer}.${part}`;
    tensors.push(
      vector(name('attn_norm'), hiddenSize),
      matrix(name('attn_q'), hiddenSize, hiddenSize),
      matrix(name('attn_k'), hiddenSize, kvSize),
      matrix(name('attn_v'), hiddenSize, kvSize),
      matrix(name('attn_output'), hiddenSize, hiddenSize),
      vector(name('ffn_norm'), hiddenSize),
      matrix(name('ffn_gate'), hiddenSize, intermediateSize),
      matrix(name('ffn_up'), hiddenSize, intermediateSize),
      matrix(name('ffn_down'), intermediateSize, hiddenSize),
    );
  }
  return tensors;
}

function* tensorChunks(
  { name, type, dims }: GgufTensorShape,
  rng: Rng,
  { ropeFactors, hiddenSize, pieces }: RandomLlama,
): Generator<Uint8Array<ArrayBuffer>> {
  if (name === 'rope_freqs.weight' && ropeFactors !== undefined) {
    yield quantize(ropeFactors, type);
    return;
  }
  const elements = dims.reduce((product, size) => product * size, 1);
  const isNorm = name.endsWith('norm.weight');
  // Keeps activations near 1 through the layers; embeddings start small, so the layers decide the logits.
  const deviation = isNorm
    ? 0.1
    : name === 'token_embd.weight'
      ? 1.5 / Math.sqrt(hiddenSize)
      : 1 / Math.sqrt(dims[0]!);
  const make = (count: number): Uint8Array<ArrayBuffer> => {
    const x = new Float32Array(count);
    for (let i = 0; i < x.length; i++) x[i] = nearNormal(rng) * deviation + (isNorm ? 1 : 0);
    return quantize(x, type);
  };
  if (pieces === undefined || isNorm) {
    for (let done = 0; done < elements; done += chunkElements)
      yield make(Math.min(chunkElements, elements - done));
    return;
  }
  const some = Array.from({ length: pieces.count }, () => make(pieces.elements));
  const bytes = some[0]!.length;
  const perChunk = Math.ceil(chunkElements / pieces.elements);
  for (let left = Math.ceil(elements / pieces.elements); left > 0; left -= perChunk) {
    const chunk = new Uint8Array(Math.min(left, perChunk) * bytes);
    for (let at = 0; at < chunk.length; at += bytes) chunk.set(some[rng.nextUint32() % some.length]!, at);
    const whole = (elements % pieces.elements) / pieces.elements;
    yield left > perChunk || whole === 0 ? chunk : chunk.subarray(0, chunk.length - bytes + whole * bytes);
  }
}

/** Mean 0 and variance 1, bell-shaped: the sum of four random bytes, whose variance is (256^2 - 1) / 3. */
function nearNormal(rng: Rng): number {
  const bits = rng.nextUint32();
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  return (sum - 510) / Math.sqrt(65535 / 3);
}

function metadataOf(options: RandomLlama): Record<string, GgufInput> {
  const { hiddenSize, numAttentionHeads } = options;
  return {
    'general.architecture': 'llama',
    'general.name': 'random llama',
    'general.license': 'mit',
    'llama.vocab_size': options.vocabSize,
    'llama.context_length': options.context ?? 512,
    'llama.embedding_length': hiddenSize,
    'llama.block_count': options.numHiddenLayers,
    'llama.feed_forward_length': options.intermediateSize,
    'llama.attention.head_count': numAttentionHeads,
    'llama.attention.head_count_kv': options.numKeyValueHeads,
    'llama.attention.layer_norm_rms_epsilon': { type: 'f32', value: 1e-5 },
    'llama.rope.dimension_count': hiddenSize / numAttentionHeads,
    'llama.rope.freq_base': { type: 'f32', value: 10000 },
    ...(options.tokenizer === 'gpt2'
      ? byteLevelVocabulary(options.vocabSize)
      : sentencePieceVocabulary(options.vocabSize)),
  };
}

/** `a`, ` a`, `b`, ` b`, ... `aa`, ` aa`, ...: every piece is a shorter one and a letter. `space` stands for the space. */
function* pieces(space: string): Generator<string> {
  const letters = 'etaoinshrdlucmfwypvbgkjqxz';
  yield space;
  let shorter = ['', space];
  for (;;) {
    const longer: string[] = [];
    for (const piece of shorter) for (const letter of letters) longer.push(piece + letter);
    yield* longer;
    shorter = longer;
  }
}

function requireVocabulary(vocabSize: number, least: number): void {
  if (vocabSize >= least) return;
  throw new OptionError({
    what: 'vocabSize of a random model',
    given: `${vocabSize}`,
    expected: `${least} or more`,
    todo: 'Leave room for the byte tokens and the special ones.',
  });
}

function sentencePieceVocabulary(vocabSize: number): Record<string, GgufInput> {
  requireVocabulary(vocabSize, 259);
  const tokens = ['<unk>', '<s>', '</s>'];
  for (let byte = 0; byte < 256; byte++)
    tokens.push(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const filler = pieces(metaSpace);
  while (tokens.length < vocabSize) tokens.push(filler.next().value);
  return {
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.scores': Float32Array.from(tokens, (_, id) => (id < 259 ? 0 : 258 - id)),
    'tokenizer.ggml.token_type': tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    'tokenizer.ggml.bos_token_id': 1,
    'tokenizer.ggml.eos_token_id': 2,
    'tokenizer.ggml.unknown_token_id': 0,
  };
}

function byteLevelVocabulary(vocabSize: number): Record<string, GgufInput> {
  requireVocabulary(vocabSize, 258);
  const tokens = [...byteToChar];
  const merges: string[] = [];
  const end = vocabSize - 1;
  for (const piece of pieces(byteToChar[0x20]!)) {
    if (tokens.length >= end) break;
    if (piece.length < 2) continue;
    tokens.push(piece);
    merges.push(`${piece.slice(0, -1)} ${piece.at(-1)}`);
  }
  tokens.push('<|endoftext|>');
  return {
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'qwen2',
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((_, id) => (id === end ? 3 : 1)),
    'tokenizer.ggml.merges': merges,
    'tokenizer.ggml.bos_token_id': end,
    'tokenizer.ggml.eos_token_id': end,
  };
}
