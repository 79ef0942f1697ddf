/**
 * A pipeline of wafers as a replica. All running sequences take one token per round through the regions; a chunk
 * of a prompt holds every region for the time of the fullest one, and its last chunk then runs through the rest.
 */
import { kvBytesPerToken, type ModelCard } from '../../../models/card.js';
import { plain } from '../../machine/types.js';
import type { WaferMachine } from '../../machine/wafers.js';
import { doesNotFit, layoutOn, shaped, usersThatFit, type WaferLayout } from '../../placement/wafer.js';
import type { Grid } from '../../placement/wafer-ops.js';
import type { StepCost } from '../../timing/cost.js';
import { WAFER_CONSTANTS } from '../../timing/wafer/constants.js';
import { Pass } from '../../timing/wafer/serving.js';
import { Curve, interpolated } from './curve.js';
import type { ReplicaShape } from './gpu-replica.js';
import type { ReplicaModel, StepTimes } from './step-times.js';

export interface WaferSetup {
  readonly wafers: number;
  readonly grid: Grid;
  /** PEs of a region that attention lies on; absent: all. */
  readonly attention?: Grid;
  readonly expertBlocks: number;
  readonly weightBits: number;
  readonly kvBits: number;
}

/**
 * The replica of `card` on a pipeline of wafers, its regions filled with as many sequences as they hold.
 *
 * @throws ModelError when weights and one typical sequence do not fit
 */
export function waferReplica(
  card: ModelCard,
  machine: WaferMachine,
  dollarsPerHour: number,
  setup: WaferSetup,
  shape: ReplicaShape,
): ReplicaModel {
  const { wafers, grid, weightBits, kvBits, expertBlocks } = setup;
  const context = Math.max(2, Math.round(shape.typicalContext));
  const base = { weightBits, kvBits, context };
  const users = usersThatFit(card, machine, grid, wafers, { ...base, users: 1 });
  const layout = users > 0 ? layoutOn(card, machine, grid, wafers, { ...base, users }) : null;
  if (!layout) throw doesNotFit(card, machine, wafers, { ...base, users: 1 });
  const numbers = plain(machine.facts);
  const pass = new Pass(card, numbers, {
    ...layout,
    ...shaped(card, grid, expertBlocks, setup.attention ?? grid),
  });
  return {
    machine: machine.name,
    machines: wafers,
    times: waferStepTimes(card, pass, layout, shape),
    kvTokens: users * context,
    maxContext: card.maxPositionEmbeddings,
    requestSeconds: WAFER_CONSTANTS.requestMs.value * 1e-3 + 2 * numbers.ioLatencySeconds,
    requestPerUserSeconds: 0,
    transferSeconds: numbers.ioLatencySeconds,
    transferPerTokenSeconds: kvBytesPerToken(card, kvBits / 8) / (numbers.ioBytesPerSecond * wafers),
    watts: numbers.powerWatts * wafers,
    dollarsPerHour: dollarsPerHour * wafers,
  };
}

const ATTENTION = ['score', 'weighted sum'];

/** Tables of a pipeline's steps. */
export function waferStepTimes(
  card: ModelCard,
  pass: Pass,
  layout: WaferLayout,
  { maxBatch, chunkTokens }: ReplicaShape,
): StepTimes {
  const share = layout.mostLayers / card.layers.length;
  const most = card.maxPositionEmbeddings;
  const weight = (running: number): number => pass.batch(running);
  const empty = pass.decodeCost(0, 1).seconds;
  const sum = (step: StepCost, isAttention: boolean): number =>
    step.ops
      .filter(({ op }) => ATTENTION.includes(op) === isAttention)
      .reduce((total, { seconds }) => total + seconds, 0);
  /** A chunk that ends at position `end`, as the timing model asks for it: by the prompt whose mean chunk it is. */
  const chunk = (tokens: number, end: number): StepCost => pass.prefillCost(tokens, 2 * end - tokens);
  const perToken = (end: number): number => sum(chunk(2, end), true) - sum(chunk(1, end), true);
  const perChunk = (end: number): number => sum(chunk(1, end), true) - perToken(end);
  const start = perChunk(0);
  return {
    tokenSeconds: interpolated(chunkTokens + 1, 1, (tokens) =>
      tokens === 0 ? 0 : share * (sum(chunk(tokens, tokens), false) + start),
    ),
    sharesWeights: false,
    sequenceSeconds: interpolated(maxBatch + 1, 1, (running) =>
      running === 0 ? 0 : pass.decodeCost(0, weight(running)).seconds,
    ),
    decodeSeconds: 0,
    contextWeight: Float64Array.from({ length: maxBatch + 1 }, (_, running) => weight(running)),
    contextSeconds: new Curve(most, (context) => pass.decodeCost(context, 1).seconds - empty),
    promptSeconds: 0,
    attendedSeconds: null,
    chunkTokenSeconds: new Curve(most, (end) => share * perToken(end)),
    chunkSeconds: new Curve(most, (end) => share * (perChunk(end) - start)),
    drainChunks: 1 / share - 1,
    promptYieldsToken: false,
  };
}
