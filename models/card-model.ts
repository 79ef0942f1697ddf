/** The card of a model from its ops: what is planned is what is computed, to the unit. */
import type { LayerKind, ModelCard, StoredBits } from './card.js';
import { countParameters } from './card.js';
import { widthOf } from './card-bits.js';
import type { Model } from './model.js';
import type { Op } from './op.js';
import { joined } from './products.js';
import { parameterCount, refsOf } from './weights.js';

const namesOf = (op: Op): string[] => {
  const { matrices, vectors } = refsOf(op);
  return [...matrices, ...vectors].map(({ name }) => name);
};

/** A model's ops by where they lie: those of each layer are between its first and its last tensor. */
export interface ModelLayers {
  /** From the tokens to the first layer. */
  readonly before: readonly Op[];
  readonly layers: readonly (readonly Op[])[];
  /** From the last layer to the logits. */
  readonly after: readonly Op[];
}

/** Takes a model's ops apart; products between two layers belong to the one before. */
export function layersOf(ops: readonly Op[]): ModelLayers {
  const before: Op[] = [];
  const after: Op[] = [];
  const layers: Op[][] = [];
  let current = -1;
  let products = new Set<string>();
  for (const op of ops) {
    const names = op.kind === 'rope' ? [] : namesOf(op);
    const isBetween = op.kind === 'linear' && !/^(blk\.|output\.|token_embd\.)/.test(names[0]!);
    if (isBetween && layers.length > 0) {
      layers.at(-1)!.push(op);
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
    else (layers.length === 0 ? before : after).push(op);
  }
  return { before, layers, after };
}

/** Layers that are alike but for the names of their tensors and values are one kind. */
function keyOf(ops: readonly Op[], isAgain: boolean): string {
  const ids = new Map<unknown, number>();
  const alike = (name: string, value: unknown): unknown => {
    if (name === 'name') return typeof value === 'string' ? value.replace(/^blk\.\d+\./, '') : value;
    if (name !== 'id' && name !== 'cache' && name !== 'state') return value;
    const key = name === 'id' ? value : `${name} ${String(value)}`;
    if (!ids.has(key)) ids.set(key, ids.size);
    return ids.get(key);
  };
  return `${isAgain}${JSON.stringify(ops, alike)}`;
}

/** The kinds of layers, and for each layer the number of its kind. */
export function kindsOf(layers: readonly (readonly Op[])[]): {
  readonly kinds: readonly LayerKind[];
  readonly layers: readonly number[];
} {
  const kinds: LayerKind[] = [];
  const places = new Map<string, number>();
  const seen = new Set<string>();
  const numbers = layers.map((ops) => {
    const names = ops.flatMap(namesOf);
    const isAgain = names.length > 0 && names.every((name) => seen.has(name));
    for (const name of names) seen.add(name);
    const key = keyOf(ops, isAgain);
    const at = places.get(key) ?? kinds.push({ ops: joined(ops), isAgain, top: null }) - 1;
    places.set(key, at);
    return at;
  });
  return { kinds, layers: numbers };
}

/** A card for planning, whose parameters are those that the ops read. */
export function cardFromModel(
  { architecture, shape, ops }: Pick<Model, 'architecture' | 'shape' | 'ops'>,
  storedBits: Partial<StoredBits>,
  name: string,
): ModelCard {
  const { before, layers, after } = layersOf(ops);
  const { head = 16, experts, mlp, attention } = storedBits;
  const bits = experts ?? mlp ?? attention ?? head;
  const card: ModelCard = {
    name,
    modelType: architecture,
    hiddenSize: shape.hiddenSize,
    vocabSize: shape.vocabSize,
    maxPositionEmbeddings: shape.maxPositionEmbeddings,
    before,
    ...kindsOf(layers),
    after,
    evenRouting: ops.some((op) => op.kind === 'route' && op.bias !== null),
    weightBits: widthOf(bits),
    quantized: 'linear',
    storedBits: { attention: bits, mlp: bits, experts: bits, head, ...storedBits },
    kvBits: null,
    tag: 'published',
    source: `ops of the GGUF file ${name}`,
    notes: [],
  };
  // Rows of tensors that nothing reads.
  return { ...card, otherParameters: parameterCount(ops) - countParameters(card).total };
}
