/**
 * LoRA adapters (Hu et al. 2021, arXiv:2106.09685) as ops: a product that adapters change gains the two thin products of the
 * choice that its token's sequence has made, as if choices were experts. The first choice is none: zeros.
 */

import { rowsOf } from './graph.js';
import type { AddOp, ArrangeOp, EmbeddingOp, ExpertLinearOp, LinearOp, Op, Value, WeightRef } from './op.js';

export interface AdapterSizes {
  /** How many choices there are, with none of them. */
  readonly choices: number;
  /** Largest rank of any choice, by the name of the matrix that it changes. */
  readonly ranks: ReadonlyMap<string, number>;
}

/** The names of the stacks that hold what adapters add to a matrix, and of the table of choices. */
export const choicesTensor = 'lora.choices';
export const lowTensor = (matrix: string): string => `lora.a.${matrix}`;
export const highTensor = (matrix: string): string => `lora.b.${matrix}`;

/** The matrices that adapters can change. */
export function adaptable(ops: readonly Op[]): Set<string> {
  const products = ops.filter((op) => op.kind === 'linear');
  return new Set(products.flatMap((op) => op.weights.map(({ name }) => name)));
}

/** The ops of a model with those of its adapters. */
export function withAdapters(ops: readonly Op[], { choices, ranks }: AdapterSizes): Op[] {
  const values = ops.flatMap((op) => ('outs' in op ? op.outs : 'out' in op ? [op.out] : []));
  let next = Math.max(...values.map(({ id }) => id)) + 1;
  const value = (features: number, rows: Value['rows']): Value => ({ id: next++, features, rows });
  const table: WeightRef = { name: choicesTensor, shape: [choices, 2] };
  const chosen = value(2, 'all');
  const begin: EmbeddingOp = { kind: 'embedding', index: 'adapter', weight: table, scale: 1, out: chosen };
  const result: Op[] = [begin];
  let picked: Value | null = null;
  const chosenOf = (rows: Value['rows']): Value => {
    if (rows === 'all') return chosen;
    if (picked) return picked;
    picked = value(2, 'logits');
    const parts = [{ in: chosen, groups: 1, first: 0, count: 2 }];
    const arrange: ArrangeOp = { kind: 'arrange', groups: 1, parts, out: picked };
    result.push(arrange);
    return picked;
  };
  const product = (op: LinearOp): void => {
    const changed = op.weights.map(({ name }) => ranks.has(name));
    if (!changed.includes(true)) {
      result.push(op);
      return;
    }
    const { rows, features } = op.in;
    const plain = op.outs.map((out, i) => (changed[i] ? value(out.features, rows) : out));
    result.push({ ...op, outs: plain });
    const facts = { chosen: chosenOf(rows), top: 1, isWeighedBefore: false };
    const names = [...new Set(op.weights.map(({ name }) => name).filter((name) => ranks.has(name)))];
    const lows = names.map((name) => value(ranks.get(name)!, rows));
    const low: ExpertLinearOp = {
      kind: 'expertLinear',
      in: op.in,
      ...facts,
      isInputPerExpert: false,
      weights: names.map((name) => ({ name: lowTensor(name), shape: [choices, ranks.get(name)!, features] })),
      biases: names.map(() => null),
      outs: lows,
    };
    result.push(low);
    for (const [i, weight] of op.weights.entries()) {
      if (!changed[i]) continue;
      const { name, shape, rows: part } = weight;
      const delta = value(rowsOf(weight), rows);
      const stack = { name: highTensor(name), shape: [choices, shape[0]!, ranks.get(name)!] };
      const high: ExpertLinearOp = {
        kind: 'expertLinear',
        in: lows[names.indexOf(name)]!,
        ...facts,
        isInputPerExpert: true,
        weights: [part ? { ...stack, rows: part } : stack],
        biases: [null],
        outs: [delta],
      };
      const add: AddOp = { kind: 'add', to: plain[i]!, from: delta, times: 1, out: op.outs[i]! };
      result.push(high, add);
    }
  };
  for (const op of ops) {
    if (op.kind === 'linear') product(op);
    else result.push(op);
  }
  return result;
}
