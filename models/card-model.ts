/**
 * The card of a model that runs, from its ops: what is planned is what is computed, to the unit. Products, states and caches
 * of each layer follow from the ops between its first and its last tensor.
 */
import type { Attention, DenseMlp, LayerKind, Matrix, ModelCard, MoeMlp, StoredBits } from './card.js';
import { countParameters } from './card.js';
import { widthOf } from './card-bits.js';
import { FLOPS_PER_STATE, NO_MIXER, type StateMixer } from './card-mixers.js';
import { expertRowsOf, rowsOf } from './graph.js';
import type { Model } from './model.js';
import type { Op } from './op.js';
import { parameterCount, refsOf } from './weights.js';

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const namesOf = (op: Op): string[] => {
  const { matrices, vectors } = refsOf(op);
  return [...matrices, ...vectors].map(({ name }) => name);
};

/** Runs of ops that read tensors of one layer, and what is computed between them; the last has what stands before the head. */
function layersOf(ops: readonly Op[]): Op[][] {
  const layers: Op[][] = [];
  let current = -1;
  let products = new Set<string>();
  for (const op of ops) {
    const names = op.kind === 'rope' ? [] : namesOf(op);
    const isBetween = op.kind === 'linear' && !/^(blk\.|output\.|token_embd\.)/.test(names[0]!);
    if (isBetween) {
      layers.at(-1)?.push(op);
      continue;
    }
    const found = names.map((name) => /^blk\.(\d+)\./.exec(name)?.[1]).find((layer) => layer !== undefined);
    const layer = found === undefined ? (names.length > 0 ? -1 : current) : Number(found);
    // A layer may run several times, one run behind the other.
    const isAgain = op.kind === 'linear' && products.has(names[0]!);
    if (layer >= 0 && (layer !== current || isAgain)) {
      layers.push([]);
      products = new Set();
    }
    current = layer;
    if (op.kind === 'linear') products.add(names[0]!);
    if (layer >= 0) layers.at(-1)!.push(op);
  }
  return layers;
}

/** Keys and values as the ops have them: of a latent cache values are part of the keys. */
function attentionOf(op: Op): Attention[] {
  if (op.kind !== 'attention') return [];
  return [
    {
      kind: 'gqa',
      numAttentionHeads: op.heads,
      numKeyValueHeads: op.kvHeads,
      headDim: op.headDim,
      valueHeadDim: op.valueDim,
      keyIsValue: op.v === null,
      qkvBias: false,
      outputBias: false,
      qkNorm: 'none',
      sinks: op.sinks !== null,
    },
  ];
}

/** Numbers of the states that an op keeps, in 32 bit, and the FLOPs of a token in them. */
function stateOf(op: Op): { kind: StateMixer['kind']; elements: number; flops: number }[] {
  switch (op.kind) {
    case 'conv': {
      const channels = op.in.features;
      return [{ kind: 'conv', elements: (op.length - 1) * channels, flops: 2 * op.length * channels }];
    }
    case 'shift':
      return [{ kind: 'conv', elements: op.in.features, flops: 0 }];
    case 'scan':
    case 'linearAttention':
    case 'wkv': {
      const [kind, elements] =
        op.kind === 'scan'
          ? (['mamba', op.heads * op.headDim * op.stateSize] as const)
          : op.kind === 'wkv'
            ? (['delta', op.out.features ** 2 / op.heads] as const)
            : (['delta', op.heads * op.keyDim * op.valueDim] as const);
      return [{ kind, elements, flops: FLOPS_PER_STATE * elements }];
    }
    default:
      return [];
  }
}

/** The products of an op; what has been counted is stored no second time. */
function matricesOf(op: Op, hidden: number, counted: Set<string>): Matrix[] {
  const { matrices: refs } = refsOf(op);
  if (refs.length === 0 || op.kind === 'embedding') return [];
  const keys = refs.map(({ name, rows }) => `${name} ${rows?.first ?? 0}`);
  const isNew = keys.some((key) => !counted.has(key));
  for (const key of keys) counted.add(key);
  const [{ name, shape }] = refs as [(typeof refs)[number]];
  const part = /_(ch)?exps\./.test(name) ? 'experts' : /\.ffn_/.test(name) ? 'mlp' : 'attention';
  const columns = shape.at(-1)!;
  const isStack = op.kind === 'expertLinear';
  const each = refs.map((ref) =>
    isStack ? expertRowsOf(ref) : rowsOf({ ...ref, shape: [sizeOf(ref.shape) / columns] }),
  );
  const rows = each.reduce((a, b) => a + b, 0);
  const isRouter = /ffn_gate_inp/.test(name);
  const isBack = rows === hidden && refs.length === 1;
  const names = { attention: ['qkv', 'o'], mlp: ['gateUp', 'down'], experts: ['gateUp', 'down'] } as const;
  const stored = isStack ? shape[0]! : 1;
  return [
    {
      name: isRouter ? 'router' : names[part][isBack ? 1 : 0],
      rows,
      columns,
      stored: isNew ? stored : 0,
      active: isStack ? op.top : 1,
      split: isRouter ? 'none' : isBack ? 'columns' : 'rows',
      part,
      stacked: refs.length,
    },
  ];
}

function vectorsOf(ops: readonly Op[], counted: Set<string>): { stored: number; active: number } {
  let [stored, active] = [0, 0];
  for (const op of ops) {
    if (op.kind === 'rope') continue;
    const tables = op.kind === 'embedding' ? refsOf(op).matrices : [];
    for (const { name, shape, rows } of [...refsOf(op).vectors, ...tables]) {
      const key = `${name} ${rows?.first ?? 0}`;
      const size = rows ? (rows.groups * rows.count * sizeOf(shape)) / shape[0]! : sizeOf(shape);
      active += op.kind === 'expertLinear' ? (size * op.top) / shape[0]! : size;
      if (!counted.has(key)) stored += size;
      counted.add(key);
    }
  }
  return { stored, active };
}

function mlpOf(ops: readonly Op[], matrices: readonly Matrix[]): DenseMlp | MoeMlp {
  const experts = ops.find((op) => op.kind === 'expertLinear');
  const down = matrices.filter(({ name }) => name === 'down');
  const widest = Math.max(0, ...down.filter(({ part }) => part === 'mlp').map(({ columns }) => columns));
  if (experts?.kind !== 'expertLinear')
    return { kind: 'dense', intermediateSize: widest, gated: true, bias: false };
  return {
    kind: 'moe',
    numExperts: experts.weights[0]!.shape[0]!,
    numExpertsPerTok: experts.top,
    moeIntermediateSize: expertRowsOf(experts.weights[0]!),
    sharedIntermediateSize: widest,
    sharedGate: false,
    gated: true,
    bias: false,
    routerBias: false,
  };
}

function kindOf(ops: readonly Op[], hidden: number, counted: Set<string>): LayerKind {
  const [attention] = ops.flatMap(attentionOf);
  const window = ops.find((op) => op.kind === 'attention')?.window?.size ?? null;
  const states = ops.flatMap(stateOf);
  const all = ops.flatMap((op) => matricesOf(op, hidden, counted));
  const own = {
    mixing: all.filter(({ part }) => part === 'attention'),
    mlp: all.filter(({ part }) => part !== 'attention'),
    vectors: vectorsOf(ops, counted),
  };
  const mlp = mlpOf(ops, own.mlp);
  if (attention) return { attention, window, mlp, own };
  const sum = (of: (state: (typeof states)[number]) => number): number =>
    states.reduce((total, state) => total + of(state), 0);
  const mixer: StateMixer =
    states.length === 0
      ? NO_MIXER
      : {
          ...NO_MIXER,
          kind: states.at(-1)!.kind,
          stateBytes: 4 * sum(({ elements }) => elements),
          flops: sum(({ flops }) => flops),
        };
  return { mixer, window, mlp, own };
}

/** A card for planning, whose parameters are those that the ops read. */
export function cardFromModel(
  { architecture, shape, ops }: Model,
  storedBits: Partial<StoredBits>,
  name: string,
): ModelCard {
  const counted = new Set<string>();
  const kinds: LayerKind[] = [];
  const places = new Map<string, number>();
  const layers = layersOf(ops).map((layer) => {
    const kind = kindOf(layer, shape.hiddenSize, counted);
    const key = JSON.stringify(kind);
    const at = places.get(key) ?? kinds.push(kind) - 1;
    places.set(key, at);
    return at;
  });
  const { head = 16, experts, mlp, attention } = storedBits;
  const bits = experts ?? mlp ?? attention ?? head;
  const card: ModelCard = {
    name,
    modelType: architecture,
    hiddenSize: shape.hiddenSize,
    vocabSize: shape.vocabSize,
    maxPositionEmbeddings: shape.maxPositionEmbeddings,
    tieWordEmbeddings: shape.tieWordEmbeddings,
    attention: kinds.find((kind) => kind.attention)?.attention ?? {
      kind: 'gqa',
      numAttentionHeads: 1,
      numKeyValueHeads: 1,
      headDim: shape.hiddenSize,
      qkvBias: false,
      outputBias: false,
      qkNorm: 'none',
      sinks: false,
    },
    kinds,
    layers,
    normsPerLayer: 2,
    finalNorms: 0,
    normBias: false,
    headBias: false,
    learnedPositions: 0,
    evenRouting: false,
    weightBits: widthOf(bits),
    quantized: 'linear',
    storedBits: { attention: bits, mlp: bits, experts: bits, head, ...storedBits },
    kvBits: null,
    tag: 'published',
    source: `ops of the GGUF file ${name}`,
    notes: [],
  };
  // Final norms, learned positions, tables and products outside the layers, rows that nothing reads.
  return { ...card, otherParameters: parameterCount(ops) - countParameters(card).total };
}
