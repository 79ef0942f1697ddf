/** Small models of any architecture with seeded random weights, as GGUF bytes: shapes follow from the ops. */
import { modelOf } from '#models/model.js';
import { weightShapes } from '#models/weights.js';
import { Rng } from '#src/core/rng.js';
import { readGguf } from '#src/formats/gguf.js';
import { type GgufInput, writeGguf } from '#src/formats/gguf-writer.js';
import { randomModelBytes } from '#src/formats/random-model.js';
import { bytesSource } from '#src/formats/source.js';

export interface SmallModel {
  readonly architecture: string;
  /** Keys without the architecture's name, besides the usual ones or in their place. */
  readonly keys?: Readonly<Record<string, GgufInput>>;
  /** Keys as they are, the architecture's name not in front. */
  readonly metadata?: Readonly<Record<string, GgufInput>>;
  /** Tensors that the file has and that an architecture asks for before it reads them: biases, fused tensors, heads. */
  readonly has?: RegExp;
  /** Tensors whose shape an architecture asks for, slowest dimension first. */
  readonly shapes?: Readonly<Record<string, readonly number[]>>;
  readonly seed?: number;
}

const float = (value: number): GgufInput => ({ type: 'f32', value });

/** Two layers, 48 wide, 4 heads over 2 KV heads of 16. */
const usual: Readonly<Record<string, GgufInput>> = {
  vocab_size: 272,
  context_length: 128,
  embedding_length: 48,
  block_count: 2,
  feed_forward_length: 80,
  'attention.head_count': 4,
  'attention.head_count_kv': 2,
  'attention.key_length': 16,
  'attention.value_length': 16,
  'attention.layer_norm_rms_epsilon': float(1e-5),
  'attention.layer_norm_epsilon': float(1e-5),
  'rope.dimension_count': 16,
  'rope.freq_base': float(10000),
};

const plain = (value: GgufInput): unknown =>
  typeof value === 'object' && 'value' in value ? Number(value.value) : value;

export async function smallModel({
  architecture,
  keys = {},
  metadata: others = {},
  has,
  shapes = {},
  seed = 1,
}: SmallModel): Promise<Uint8Array> {
  const own = Object.entries({ ...usual, ...keys }).map(
    ([key, value]) => [`${architecture}.${key}`, value] as const,
  );
  const metadata = new Map<string, GgufInput>([['general.architecture', architecture], ...own]);
  const { ops } = modelOf({
    name: architecture,
    value: (key) => (metadata.has(key) ? plain(metadata.get(key)!) : undefined),
    // What is there is said by the pattern; its shape comes from the op that reads it.
    shape: (name) => shapes[name] ?? (has?.test(name) ? [0, 0] : null),
    tensorCount: 1000,
  });
  const rng = new Rng(seed);
  const tensors = [...weightShapes(ops)].map(([name, shape]) => {
    const count = shape.reduce((a, b) => a * b, 1);
    const values = Float32Array.from({ length: count }, () => weightOf(name, shape, rng));
    return { name, type: 'F32' as const, dims: [...shape].reverse(), data: new Uint8Array(values.buffer) };
  });
  const { metadata: vocabulary } = await readGguf(
    bytesSource(
      randomModelBytes({
        hiddenSize: 16,
        numHiddenLayers: 1,
        numAttentionHeads: 1,
        numKeyValueHeads: 1,
        intermediateSize: 16,
        vocabSize: Number(plain({ ...usual, ...keys }.vocab_size!)),
      }),
    ),
  );
  const tokenizer = [...vocabulary].filter(([key]) => key.startsWith('tokenizer.'));
  return writeGguf(
    {
      ...others,
      ...Object.fromEntries(metadata),
      ...(Object.fromEntries(tokenizer) as Record<string, GgufInput>),
    },
    tensors,
  );
}

function weightOf(name: string, shape: readonly number[], rng: Rng): number {
  const spread = 2 * rng.next() - 1;
  if (/norm.*weight$|norm$/.test(name)) return 1 + 0.25 * spread;
  if (/rope_/.test(name)) return 1.5 + 0.5 * spread;
  if (/token_embd|position_embd/.test(name)) return spread;
  if (/ssm_a/.test(name)) return -0.75 + 0.25 * spread;
  if (/bias|sinks|exp_probs/.test(name) || shape.length === 1) return 0.25 * spread;
  return (1.5 * Math.sqrt(3) * spread) / Math.sqrt(shape.at(-1)!);
}
