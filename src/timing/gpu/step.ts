/**
 * One iteration of a serving engine on a group of GPUs, op by op: a roofline with measured shares, plus what
 * every kernel costs to start and what tensor parallelism adds. A step may hold decoding sequences and a chunk
 * of prompts at once, as continuous batching makes them.
 */

import {
  attentionFlops,
  attentionSpan,
  factsOf,
  kindCounts,
  type LayerKind,
  type ModelCard,
  meanAttended,
  type OpFacts,
  type Width,
} from '../../../models/card.js';
import { productBits } from '../../../models/card-bits.js';
import type { GpuKey } from '../../machine/gpus.js';
import type { Plain } from '../../machine/types.js';
import { type OpCost, type StepCost, stepOf } from '../cost.js';
import type { EngineName, GpuConstants } from './constants.js';

/** A GPU in bare numbers, with the operand widths that it multiplies natively. */
export interface GpuNumbers extends Plain<GpuKey> {
  readonly nativeBits: readonly number[];
}

/** How a model is spread over GPUs and stored. */
export interface GpuSetup {
  readonly tensorParallel: number;
  /** Experts are cut over `expertTensorParallel` GPUs and dealt to `expertParallel` groups of them. */
  readonly expertTensorParallel: number;
  readonly expertParallel: number;
  /** Groups of `tensorParallel` GPUs that share the users out for attention while experts serve them all. */
  readonly dataParallel: number;
  readonly weightBits: number;
  readonly kvBits: number;
  readonly engine: EngineName;
  /** Sequences that the server takes at once, whatever the memory holds; Infinity: as many as fit. */
  readonly slots: number;
}

/** What one step processes. */
export interface StepLoad {
  readonly decodeSequences: number;
  /** Tokens that each of them takes in this step: 1, or 1 and the drafted ones. */
  readonly tokensPerSequence: number;
  /** Tokens in the cache of each decoding sequence. */
  readonly decodeContext: number;
  readonly prefillTokens: number;
  /** Length of the prompts that these tokens belong to. */
  readonly promptTokens: number;
  /** Prompts whose last token is in this step. */
  readonly promptsDone: number;
}

/**
 * The width that a product is multiplied at. Experts published in 4 bits (OCP MX) take 8-bit activations, so their
 * products run at the 8-bit rate; where there are no 4-bit units, 4-bit weights are widened to 16.
 */
function multiplyBits(card: ModelCard, gpu: GpuNumbers, bits: number): Width {
  if (bits <= 4 && gpu.nativeBits.includes(4)) return card.quantized === 'experts' ? 8 : 4;
  if (bits === 8 && gpu.nativeBits.includes(8)) return 8;
  return 16;
}

/** Costs a step. Seconds; `load` may describe fractions of sequences, for averages. */
export function gpuStep(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  load: StepLoad,
  c: GpuConstants,
): StepCost {
  const ops: OpCost[] = [];
  const share = 1 / setup.dataParallel;
  const own: StepLoad = {
    ...load,
    decodeSequences: load.decodeSequences * share,
    prefillTokens: load.prefillTokens * share,
    promptsDone: load.promptsDone * share,
  };
  const decodeTokens = own.decodeSequences * own.tokensPerSequence;
  const tokens = decodeTokens + own.prefillTokens;
  for (const { kind, count } of kindCounts(card)) {
    if (count === 0) continue;
    const { products, experts } = factsOf(kind.ops);
    for (const matrix of products) {
      const shared = matrix.part === 'experts' ? tokens * setup.dataParallel : tokens;
      ops.push(scaled(product(card, gpu, setup, matrix, shared, c), count));
    }
    ops.push(...attention(gpu, setup, kind, own, c).map((op) => scaled(op, count)));
    ops.push(scaled(elementwise(card, gpu, setup, kind, tokens, c), count));
    if (setup.tensorParallel > 1)
      ops.push(scaled(allReduce(card, gpu, setup.tensorParallel, tokens), 2 * count));
    if (setup.expertParallel > 1 && experts)
      ops.push(scaled(allToAll(card, gpu, setup, experts.top, tokens * setup.dataParallel), count));
  }
  const heads = decodeTokens + own.promptsDone;
  if (heads > 0) {
    for (const head of factsOf(card.after).products) ops.push(product(card, gpu, setup, head, heads, c));
  }
  const hostUs = c.stepUs[setup.engine] + heads * c.sequenceUs;
  ops.push(fixed('engine', hostUs * 1e-6));
  return stepOf(ops);
}

function scaled(op: OpCost, count: number): OpCost {
  return {
    op: op.op,
    computeSeconds: op.computeSeconds * count,
    memorySeconds: op.memorySeconds * count,
    fabricSeconds: op.fabricSeconds * count,
    latencySeconds: op.latencySeconds * count,
    seconds: op.seconds * count,
    flops: op.flops * count,
    bytes: op.bytes * count,
  };
}

function fixed(op: string, seconds: number): OpCost {
  return {
    op,
    computeSeconds: 0,
    memorySeconds: 0,
    fabricSeconds: 0,
    latencySeconds: seconds,
    seconds,
    flops: 0,
    bytes: 0,
  };
}

/** Compute and memory traffic overlap; what remains is fixed. */
function roofline(
  op: string,
  compute: number,
  memory: number,
  latency: number,
  flops: number,
  bytes: number,
): OpCost {
  const seconds = Math.max(compute, memory) + latency;
  return {
    op,
    computeSeconds: compute,
    memorySeconds: memory,
    fabricSeconds: 0,
    latencySeconds: latency,
    seconds,
    flops,
    bytes,
  };
}

/** Experts that so many tokens reach which each take `active` of `stored` at random. */
function expertsRead(stored: number, active: number, tokens: number): number {
  return stored * (1 - (1 - active / stored) ** Math.max(1, tokens));
}

function product(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  matrix: OpFacts['products'][number],
  tokens: number,
  c: GpuConstants,
): OpCost {
  const experts = matrix.part === 'experts';
  const stored = productBits(card, matrix, setup.weightBits);
  const bits = stored === 16 ? 16 : setup.weightBits;
  const at = multiplyBits(card, gpu, bits);
  const cut = experts
    ? setup.expertTensorParallel * setup.expertParallel
    : matrix.isReplicated
      ? 1
      : setup.tensorParallel;
  const spread = card.evenRouting ? 1 : c.routingSpread;
  const read = experts ? expertsRead(matrix.stored, matrix.active, tokens * spread) : 1;
  const perCopy = matrix.rows * matrix.columns;
  const activations = (tokens * matrix.active * (matrix.rows + matrix.columns) * 2) / cut;
  const bytes = (read * perCopy * stored) / 8 / cut + activations;
  const flops = (2 * tokens * matrix.active * perCopy) / cut;
  const [peak, share] =
    at === 4
      ? [gpu.flops4, gpu.computeShare4]
      : at === 8
        ? [gpu.flops8, gpu.computeShare8]
        : [gpu.flops16, gpu.computeShare16];
  const startUs = at === 4 ? gpu.gemmStart4Us : at === 8 ? gpu.gemmStart8Us : gpu.gemmStart16Us;
  const bandwidthShare = bits <= 4 ? gpu.bandwidthShare4 : gpu.bandwidthShare;
  // Products per head are batched and take their inputs as they are: nothing is scaled to a narrower type before.
  const startSeconds = (matrix.op.kind === 'headLinear' ? c.kernelUs : startUs * c.gemmStartShare) * 1e-6;
  const memory = bytes / (gpu.memoryBytesPerSecond * bandwidthShare * (experts ? c.expertBandwidthShare : 1));
  const compute = flops / (peak * share * (experts ? gpu.expertComputeShare : 1));
  const name = experts ? `expert ${matrix.name}` : matrix.name;
  return roofline(name, compute, memory, startSeconds, flops, bytes);
}

function attention(
  gpu: GpuNumbers,
  setup: GpuSetup,
  kind: LayerKind,
  load: StepLoad,
  c: GpuConstants,
): OpCost[] {
  const { attention: op, states, cached } = factsOf(kind.ops);
  const updates = states ? stateUpdates(gpu, setup, states, load, c) : [];
  if (!op) return updates;
  const span = attentionSpan(kind);
  const cut = setup.tensorParallel;
  // A latent cache is one vector for all heads: every GPU of the group keeps all of it.
  const kvCut = Math.min(cut, op.kvHeads);
  const ops = updates;
  if (load.decodeSequences > 0) {
    const seen = Math.min(load.decodeContext, span);
    const bytes = (load.decodeSequences * seen * cached * setup.kvBits) / 8 / kvCut;
    const queries = load.decodeSequences * load.tokensPerSequence;
    const flops = (queries * attentionFlops(kind, seen, load.decodeContext, 'decode')) / cut;
    const memory = bytes / (gpu.memoryBytesPerSecond * c.kvShare);
    ops.push(
      roofline(
        'decode attention',
        flops / (gpu.flops16 * c.attentionShare),
        memory,
        c.kernelUs * 1e-6,
        flops,
        bytes,
      ),
    );
  }
  if (load.prefillTokens > 0) {
    const seen = meanAttended(load.promptTokens, span);
    const flops = (load.prefillTokens * attentionFlops(kind, seen, load.promptTokens / 2, 'prefill')) / cut;
    const compute = flops / (gpu.flops16 * c.attentionShare);
    ops.push(roofline('prefill attention', compute, 0, c.kernelUs * 1e-6, flops, 0));
  }
  return ops;
}

/** Taking tokens into states of fixed size: each is read and written per step, whatever the context. */
function stateUpdates(
  gpu: GpuNumbers,
  setup: GpuSetup,
  states: NonNullable<OpFacts['states']>,
  load: StepLoad,
  c: GpuConstants,
): OpCost[] {
  const cut = setup.tensorParallel;
  const update = (op: string, tokens: number, sequences: number): OpCost => {
    const flops = (tokens * states.flops) / cut;
    const bytes = (2 * sequences * states.bytes) / cut;
    const memory = bytes / (gpu.memoryBytesPerSecond * c.kvShare);
    return roofline(op, flops / (gpu.flops16 * c.attentionShare), memory, c.kernelUs * 1e-6, flops, bytes);
  };
  const { decodeSequences, tokensPerSequence, prefillTokens } = load;
  return [
    ...(decodeSequences > 0
      ? [update('decode attention', decodeSequences * tokensPerSequence, decodeSequences)]
      : []),
    ...(prefillTokens > 0 ? [update('prefill attention', prefillTokens, load.promptsDone)] : []),
  ];
}

/** Norms, RoPE, activation, routing: kernels that move hidden vectors and compute little. */
function elementwise(
  card: ModelCard,
  gpu: GpuNumbers,
  setup: GpuSetup,
  kind: LayerKind,
  tokens: number,
  c: GpuConstants,
): OpCost {
  const { experts, expertWidth, mlpWidth } = factsOf(kind.ops);
  const kernels = experts ? 8 : 4;
  const width = experts
    ? (experts.top * expertWidth) / setup.expertTensorParallel / setup.expertParallel
    : mlpWidth / setup.tensorParallel;
  const bytes = tokens * 2 * (c.elementwisePasses * card.hiddenSize + 3 * width);
  const memory = bytes / (gpu.memoryBytesPerSecond * gpu.bandwidthShare);
  return roofline('norms and activations', 0, memory, kernels * c.kernelUs * 1e-6, 0, bytes);
}

/** An exchange between GPUs: nothing is computed, and the latency comes on top of the bytes. */
function collective(op: string, fabricSeconds: number, latencySeconds: number): OpCost {
  return {
    op,
    computeSeconds: 0,
    memorySeconds: 0,
    fabricSeconds,
    latencySeconds,
    seconds: fabricSeconds + latencySeconds,
    flops: 0,
    bytes: 0,
  };
}

/** One all-reduce of the hidden vectors of `tokens` tokens. */
function allReduce(card: ModelCard, gpu: GpuNumbers, group: number, tokens: number): OpCost {
  const latency = (gpu.allReduceUs + gpu.allReducePerDoublingUs * (Math.log2(group) - 1)) * 1e-6;
  const bytes = (2 * (group - 1) * tokens * card.hiddenSize * 2) / group;
  const fabric = bytes / (gpu.linkBytesPerSecond * gpu.linkShare);
  return collective('all-reduce', fabric, latency);
}

/** Dispatch and combine of expert parallelism: each token's hidden vector to its experts' GPUs and back. */
function allToAll(card: ModelCard, gpu: GpuNumbers, setup: GpuSetup, active: number, tokens: number): OpCost {
  const groups = setup.expertParallel;
  const away = ((groups - 1) / groups) * Math.min(active, groups);
  const bytes = (2 * tokens * card.hiddenSize * 2 * away) / groups;
  const fabric = bytes / (gpu.linkBytesPerSecond * gpu.linkShare);
  const latency = 2 * gpu.allReduceUs * 1e-6;
  return collective('all-to-all', fabric, latency);
}
