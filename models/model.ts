/** From a file's own description to a model: its ops and what others want to know of it. */
import { ModelError } from '../src/core/errors.js';
import { ARCHITECTURES } from './architectures/index.js';
import { Config, type ModelFile, type RopeStretch } from './config.js';
import type { Op, PoolOp } from './op.js';

/** A model's sizes, as Hugging Face's config.json names them; where layers differ, the largest. */
export interface ModelShape {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly maxPositionEmbeddings: number;
  readonly ropeTheta: number;
  readonly tieWordEmbeddings: boolean;
}

export interface Model {
  readonly architecture: string;
  readonly shape: ModelShape;
  readonly ops: readonly Op[];
  /** The longest context that the ops are right for. */
  readonly mostContext: number;
  /** Whether a position sees those before it alone. */
  readonly isCausal: boolean;
  /** How the file wants the rows of an input pooled; null where it does not say. */
  readonly pooling: PoolOp['how'] | null;
  /** Whether the vector is a classifier's, which says how well two texts go together. */
  readonly isRanker: boolean;
  /** Whether a tensor that no op reads may lie in the file all the same. */
  readonly isIgnored: (tensor: string) => boolean;
}

/**
 * The model that a file describes.
 * @throws FormatError for missing or impossible values, ModelError for what is not known or does not fit together
 */
export function modelOf(file: ModelFile, stretch: RopeStretch | null = null): Model {
  const name = file.value('general.architecture');
  const architecture = typeof name === 'string' ? ARCHITECTURES.get(name) : undefined;
  if (architecture === undefined) {
    throw new ModelError({
      what: `${file.name}: metadata "general.architecture"`,
      given: name === undefined ? 'no such key' : JSON.stringify(name),
      expected: `one of ${[...ARCHITECTURES.keys()].join(', ')}`,
      todo: 'Choose a model of one of these architectures.',
    });
  }
  const { ignored = [], unread = [] } = architecture;
  const isIgnored = (tensor: string): boolean => ignored.some((pattern) => pattern.test(tensor));
  // An architecture does not see what it passes over.
  const shape: ModelFile['shape'] = (tensor) => (isIgnored(tensor) ? null : file.shape(tensor));
  const config = new Config({ ...file, shape }, stretch);
  const { ops } = architecture.build(config).graph;
  checkHeads(file.name, ops);
  const pool = ops.find(({ kind }) => kind === 'pool');
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const most = (of: (layer: number) => number): number => Math.max(...layers.map(of));
  const isAhead = (tensor: string): boolean => Number(/^blk\.(\d+)\./.exec(tensor)?.[1]) >= config.layers;
  return {
    architecture: config.architecture,
    shape: {
      hiddenSize: config.hidden,
      intermediateSize: most((layer) => config.ffn(layer)),
      numHiddenLayers: config.layers,
      numAttentionHeads: most((layer) => config.heads(layer)),
      numKeyValueHeads: most((layer) => config.kvHeads(layer)),
      headDim: config.headDim,
      vocabSize: config.vocab,
      maxPositionEmbeddings: config.context,
      ropeTheta: config.number('rope.freq_base', 10000),
      tieWordEmbeddings: !config.has('output.weight'),
    },
    ops,
    mostContext: config.wholeUpTo,
    isCausal: ops.every((op) => op.kind !== 'attention' || op.causal),
    pooling: pool?.kind === 'pool' ? pool.how : config.pooling,
    isRanker: config.isRanker && pool !== undefined,
    isIgnored: (tensor) =>
      isIgnored(tensor) ||
      unread.some((pattern) => pattern.test(tensor)) ||
      (config.hasLayersAhead && isAhead(tensor)),
  };
}

function checkHeads(name: string, ops: readonly Op[]): void {
  const disagree = (given: string, expected: string): ModelError =>
    new ModelError({
      what: `${name}: attention heads`,
      given,
      expected,
      todo: 'Convert the model again with a current converter.',
    });
  for (const op of ops) {
    if (op.kind === 'attention' && (op.heads < 1 || op.heads % op.kvHeads !== 0))
      throw disagree(`${op.heads} heads over ${op.kvHeads} KV heads`, 'a multiple of the KV heads');
    if (op.kind === 'rope' && op.first + op.table.dims > op.in.features / op.heads) {
      throw disagree(
        `RoPE on ${op.first + op.table.dims} of ${op.in.features / op.heads} dimensions`,
        'RoPE within a head',
      );
    }
  }
}
