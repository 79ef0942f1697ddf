/**
 * LoRA adapters (Hu et al. 2021, arXiv:2106.09685) as ops: a product that adapters change gains the two thin products of the
 * choice that its token's sequence has made, as if choices were experts. The first choice is none: zeros.
 */

import type { AddOp, ArrangeOp, EmbeddingOp, ExpertLinearOp, Op, Value, WeightRef } from './op.js';

export interface AdapterSizes {
  /** How many choices there are, with none of them. */
  readonly choices: number;
  /** Largest rank of any choice, by the name of the matrix that it changes. */
  readonly ranks: ReadonlyMap<string, number>;
}

/** The names of the stacks that hold what adapters add to a matrix, and of the table of choices. */
const choicesTensor = 'lora.choices';
export const lowTensor = (matrix: string): string => `lora.a.${matrix}`;
export const highTensor = (matrix: string): string => `lora.b.${matrix}`;

/** The matrices that adapters can change: of products, and of those with experts. */
export function adaptable(ops: readonly Op[]): Set<string> {
  const products = ops.filter((op) => op.kind === 'linear' || op.kind === 'expertLinear');
  return new Set(products.flatMap((op) => op.weights.map(({ name }) => name)));
}

/** Matrices in a stack of what adapters add to `experts` matrices each: zeros for the choice of none, then those of each choice. */
export function stackSize(experts: number, choices: number): number {
  return 1 + (choices - 1) * experts;
}

export interface WithAdapters {
  readonly ops: readonly Op[];
  /** What the ops look up by a token's choice: rows by the name of the table. */
  readonly tables: ReadonlyMap<string, readonly (readonly number[])[]>;
}

/** The ops of a model with those of its adapters. */
export function withAdapters(ops: readonly Op[], { choices, ranks }: AdapterSizes): WithAdapters {
  const values = ops.flatMap((op) => ('outs' in op ? op.outs : 'out' in op ? [op.out] : []));
  let next = Math.max(...values.map(({ id }) => id)) + 1;
  const value = (features: number, rows: Value['rows']): Value => ({ id: next++, features, rows });
  const result: Op[] = [];
  const tables = new Map<string, readonly (readonly number[])[]>();
  const looked = new Map<string, Value>();
  /** A row of a table by the token's choice, of the rows that an op computes. */
  const lookUp = (name: string, rows: Value['rows'], row: (choice: number) => readonly number[]): Value => {
    const known = looked.get(`${name} ${rows}`);
    if (known) return known;
    let found: Value;
    if (rows === 'all') {
      const all = Array.from({ length: choices }, (_, choice) => row(choice));
      tables.set(name, all);
      const [{ length }] = all as [readonly number[]];
      found = value(length, 'all');
      const weight: WeightRef = { name, shape: [choices, length] };
      const begin: EmbeddingOp = { kind: 'embedding', index: 'adapter', weight, scale: 1, out: found };
      result.push(begin);
    } else {
      const all = lookUp(name, 'all', row);
      found = value(all.features, rows);
      const parts = [{ in: all, groups: 1, first: 0, count: all.features }];
      const arrange: ArrangeOp = { kind: 'arrange', groups: 1, parts, out: found };
      result.push(arrange);
    }
    looked.set(`${name} ${rows}`, found);
    return found;
  };

  /** The thin products of `names` with the input of `op`, which has `columns` for each of the `top` chosen. */
  const lowProducts = (
    op: Pick<ExpertLinearOp, 'in' | 'chosen' | 'top' | 'isInputPerExpert' | 'isWeighedBefore'>,
    names: readonly string[],
    count: number,
    columns: number,
  ): Value[] => {
    const outs = names.map((name) => value(op.top * ranks.get(name)!, op.in.rows));
    const { in: input, chosen, top, isInputPerExpert, isWeighedBefore } = op;
    const low: ExpertLinearOp = {
      kind: 'expertLinear',
      in: input,
      ...{ chosen, top, isInputPerExpert, isWeighedBefore },
      weights: names.map((name) => ({ name: lowTensor(name), shape: [count, ranks.get(name)!, columns] })),
      biases: names.map(() => null),
      outs,
    };
    result.push(low);
    return outs;
  };
  /** What comes back from them is added to a product without adapters. */
  const addHigh = (
    plain: Value,
    out: Value,
    { name, rows: part }: WeightRef,
    high: Pick<ExpertLinearOp, 'in' | 'chosen' | 'top'>,
    [count, rows]: readonly [number, number],
  ): void => {
    const delta = value(out.features, out.rows);
    const stack = { name: highTensor(name), shape: [count, rows, ranks.get(name)!] };
    const product: ExpertLinearOp = {
      kind: 'expertLinear',
      ...high,
      ...{ isInputPerExpert: true, isWeighedBefore: false },
      weights: [part ? { ...stack, rows: part } : stack],
      biases: [null],
      outs: [delta],
    };
    const add: AddOp = { kind: 'add', to: plain, from: delta, times: 1, out };
    result.push(product, add);
  };

  /** Experts' numbers among those of all choices. */
  const chosenOf = ({ chosen, top }: ExpertLinearOp, experts: number): Value => {
    const key = `${chosen.id} ${top} ${experts}`;
    const known = looked.get(key);
    if (known) return known;
    const row = (number: number, weight: number): number[] =>
      Array.from({ length: 2 * top }, (_, i) => (i < top ? number : weight));
    const name = `lora.experts.${experts}.${top}`;
    const times = lookUp(`${name}.times`, chosen.rows, (choice) => row(Math.min(choice, 1), 1));
    const plus = lookUp(`${name}.plus`, chosen.rows, (choice) =>
      row(choice === 0 ? 0 : stackSize(experts, choice), 0),
    );
    const [scaled, moved] = [value(2 * top, chosen.rows), value(2 * top, chosen.rows)];
    result.push(
      { kind: 'activation', in: chosen, by: times, act: { name: 'identity' }, times: 1, out: scaled },
      { kind: 'add', to: scaled, from: plus, times: 1, out: moved },
    );
    looked.set(key, moved);
    return moved;
  };

  for (const op of ops) {
    const isProduct = op.kind === 'linear' || op.kind === 'expertLinear';
    const names = isProduct
      ? [...new Set(op.weights.map(({ name }) => name).filter((name) => ranks.has(name)))]
      : [];
    if (!isProduct || names.length === 0) {
      result.push(op);
      continue;
    }
    const isChanged = (i: number): boolean => ranks.has(op.weights[i]!.name);
    const plain = op.outs.map((out, i) => (isChanged(i) ? value(out.features, out.rows) : out));
    result.push({ ...op, outs: plain });
    const experts = op.kind === 'expertLinear' ? op.weights[0]!.shape[0]! : null;
    const count = experts === null ? choices : stackSize(experts, choices);
    const input =
      op.kind === 'expertLinear'
        ? { ...op, chosen: chosenOf(op, experts!) }
        : {
            in: op.in,
            chosen: lookUp(choicesTensor, op.in.rows, (choice) => [choice, 1]),
            ...{ top: 1, isInputPerExpert: false, isWeighedBefore: false },
          };
    const lows = lowProducts(input, names, count, op.weights[0]!.shape.at(-1)!);
    for (const [i, weight] of op.weights.entries()) {
      if (!isChanged(i)) continue;
      const high = { in: lows[names.indexOf(weight.name)]!, chosen: input.chosen, top: input.top };
      addHigh(plain[i]!, op.outs[i]!, weight, high, [count, weight.shape.at(-2)!]);
    }
  }
  return { ops: result, tables };
}
