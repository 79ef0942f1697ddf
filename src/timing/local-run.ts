/** What a known machine would take for the very tokens that a local run produced: simulated, never measured. */
import type { ModelCard } from '../../models/card.js';
import { partBits } from '../../models/card-bits.js';
import type { ModelShape } from '../../models/model.js';
import { OptionError } from '../core/errors.js';
import type { SimulatedMs } from '../core/units.js';
import { findGpu, GPUS } from '../machine/gpus.js';
import { WAFERS } from '../machine/wafers.js';
import { plan } from './estimate.js';
import type { Machine } from './estimate-types.js';

export interface Simulated {
  readonly machine: string;
  readonly ttftMs: SimulatedMs;
  /** Of the one user, after the first token. */
  readonly tokensPerSecond: number;
}

/** The card of a Llama model that is loaded here. */
export function cardOfLlama(config: ModelShape, name = 'the loaded model'): ModelCard {
  return {
    name,
    modelType: 'llama',
    hiddenSize: config.hiddenSize,
    vocabSize: config.vocabSize,
    maxPositionEmbeddings: config.maxPositionEmbeddings,
    tieWordEmbeddings: config.tieWordEmbeddings,
    attention: {
      kind: 'gqa',
      numAttentionHeads: config.numAttentionHeads,
      numKeyValueHeads: config.numKeyValueHeads,
      headDim: config.headDim,
      qkvBias: false,
      outputBias: false,
      qkNorm: 'none',
      sinks: false,
    },
    kinds: [
      {
        window: null,
        mlp: { kind: 'dense', intermediateSize: config.intermediateSize, gated: true, bias: false },
      },
    ],
    layers: Array.from({ length: config.numHiddenLayers }, () => 0),
    normsPerLayer: 2,
    finalNorms: 1,
    normBias: false,
    headBias: false,
    evenRouting: false,
    learnedPositions: 0,
    weightBits: 16,
    quantized: 'linear',
    storedBits: partBits(16, 'linear'),
    kvBits: null,
    tag: 'published',
    source: 'the loaded model',
    notes: [],
  };
}

/** The machine of that name, wafer or GPU; OptionError with the known names otherwise. */
export function findMachine(name: string): Machine {
  const machine = WAFERS.find((wafer) => wafer.name === name) ?? findGpu(name);
  if (machine) return machine;
  throw new OptionError({
    what: 'machine',
    given: JSON.stringify(name),
    expected: `one of ${[...WAFERS, ...GPUS].map((known) => known.name).join(', ')}, or a JSON file`,
    todo: 'Choose a machine by one of these names, or describe your own in a JSON file.',
  });
}

/**
 * Times one user's request of `promptTokens` and `generatedTokens` on the fewest machines of a kind that hold the
 * model.
 *
 * @throws OptionError for an unknown name, and what `plan` throws
 */
export function simulate(
  config: ModelShape,
  promptTokens: number,
  generatedTokens: number,
  machineName: string,
): Simulated {
  const context = Math.max(config.maxPositionEmbeddings, promptTokens + generatedTokens);
  const card = cardOfLlama({ ...config, maxPositionEmbeddings: context });
  const { machine, ttftMs, tokensPerSecondPerUser } = plan(card, findMachine(machineName), {
    promptTokens: Math.max(1, promptTokens),
    outputTokens: Math.max(1, generatedTokens),
    concurrency: 1,
  });
  return { machine, ttftMs, tokensPerSecond: tokensPerSecondPerUser };
}
