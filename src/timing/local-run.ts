/** What a known machine would take for the very tokens that a local run produced: simulated, never measured. */
import type { ModelCard } from '../../models/card.js';
import { cardFromConfig } from '../../models/card-config.js';
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

/** The card of a Llama-like model of this shape, at 16 bit. */
export function cardOfShape(shape: ModelShape, name = 'the loaded model'): ModelCard {
  const config = {
    model_type: 'llama',
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.numHiddenLayers,
    num_attention_heads: shape.numAttentionHeads,
    num_key_value_heads: shape.numKeyValueHeads,
    head_dim: shape.headDim,
    vocab_size: shape.vocabSize,
    max_position_embeddings: shape.maxPositionEmbeddings,
    tie_word_embeddings: shape.tieWordEmbeddings,
  };
  return cardFromConfig(config, { name, source: 'the loaded model' });
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
  const card = cardOfShape({ ...config, maxPositionEmbeddings: context });
  const { machine, ttftMs, tokensPerSecondPerUser } = plan(card, findMachine(machineName), {
    promptTokens: Math.max(1, promptTokens),
    outputTokens: Math.max(1, generatedTokens),
    concurrency: 1,
  });
  return { machine, ttftMs, tokensPerSecond: tokensPerSecondPerUser };
}
