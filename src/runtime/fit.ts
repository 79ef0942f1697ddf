/** Whether a model fits the machine, before any of it is loaded, and what of it would. */
import { packedBytes } from '../../kernels/pack/spec.js';
import { quantOf } from '../../kernels/quants/index.js';
import { ModelError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { WeightType } from '../formats/tensor-types.js';
import { kvPagePositions } from './program/frame.js';
import type { Layout } from './program/shard.js';

/** From most bits to fewest. */
const smaller: readonly WeightType[] = ['Q8_0', 'Q6_K', 'Q5_K', 'Q4_K', 'Q3_K', 'Q2_K'];
/** A context that is worth to be advised. */
const leastContext = 512;

/** A model that is laid out. */
interface LaidOut {
  readonly file: { readonly source: { readonly name: string } };
  readonly layouts: { readonly all: readonly Layout[] };
  readonly settings: { readonly context: number };
  readonly memoryBytes: number;
  readonly weightBytes: number;
  readonly kvBytes: number;
}

/** @throws ModelError for a model that takes more than `machineBytes` */
export function requireFit(model: LaidOut, machineBytes: number): void {
  const { file, memoryBytes, weightBytes, kvBytes } = model;
  if (memoryBytes <= machineBytes) return;
  const parts = `weights ${formatBytes(weightBytes)}, KV cache ${formatBytes(kvBytes)}`;
  throw new ModelError({
    what: `${file.source.name}: memory of the model`,
    given: `${formatBytes(memoryBytes)} (${parts})`,
    expected: `at most ${formatBytes(machineBytes)}, all that this machine has`,
    todo: whatFits(model, machineBytes),
  });
}

function whatFits(model: LaidOut, machineBytes: number): string {
  const { layouts, settings, memoryBytes, weightBytes, kvBytes } = model;
  const bytesPerToken = kvBytes / (layouts.all[0]!.pages * kvPagePositions);
  const tokens = Math.floor((machineBytes - (memoryBytes - kvBytes)) / bytesPerToken / kvPagePositions);
  if (tokens * kvPagePositions >= leastContext) {
    const most = tokens * kvPagePositions;
    return most < settings.context
      ? `A context of ${most} tokens fits (--context ${most}).`
      : `A KV cache of ${most} tokens fits (--kv-tokens ${most}).`;
  }
  const others = memoryBytes - weightBytes;
  const type = smaller.find((one) => {
    const bytes = weightBytesIn(model, one);
    return bytes < weightBytes && others + bytes <= machineBytes;
  });
  if (type !== undefined) return `Its weights fit as ${type} (--quantize ${type.toLowerCase()}).`;
  const room = formatBytes(Math.max(0, machineBytes - others));
  return `Choose a model whose file is at most ${room}, or a shorter context (--context).`;
}

/** Of all weights, with the matrices in `type` where their rows are whole blocks of it. */
function weightBytesIn({ layouts, weightBytes }: LaidOut, type: WeightType): number {
  const matrices = layouts.all.flatMap(({ weights }) => [...weights.values()]);
  return matrices.reduce((bytes, { rows, columns, stride, matrices: count }) => {
    if (columns % quantOf(type).block !== 0) return bytes;
    return bytes - count * Math.max(0, stride - packedBytes({ type, rows, columns }));
  }, weightBytes);
}
