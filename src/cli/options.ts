/** Options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GenerateOptions, LoadOptions, RopeScalingOption } from '../runtime/types.js';

export function parseNumber(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

export function parseCount(text: string): number {
  const value = parseNumber(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError('Expected an integer of at least 1.');
  return value;
}

/** Token ids such as `1,2,3`. */
export function parseIds(text: string): number[] {
  return text.split(',').map((part) => {
    const id = parseNumber(part);
    if (!Number.isSafeInteger(id) || id < 0)
      throw new InvalidArgumentError('Expected token ids such as 1,2,3.');
    return id;
  });
}

export interface EngineFlags {
  readonly model?: string;
  readonly context?: number;
  readonly workers?: number;
  readonly ropeScaling?: RopeScalingOption;
}

/** A RoPE scaling such as `yarn:4`. */
function parseRopeScaling(text: string): RopeScalingOption {
  const [, type, factor] = /^(linear|yarn):(.+)$/.exec(text) ?? [];
  if ((type !== 'linear' && type !== 'yarn') || factor === undefined) {
    throw new InvalidArgumentError('Expected linear or yarn and a factor, such as yarn:4.');
  }
  return { type, factor: parseNumber(factor) };
}

export function addEngineOptions(command: Command): Command {
  return command
    .option(
      '-m, --model <path|name>',
      'GGUF file or name from `waferflow models` (default: the embedded model)',
    )
    .option(
      '--context <tokens>',
      "tokens that the KV cache holds (default: the model's, at most 4096)",
      parseCount,
    )
    .option(
      '--rope-scaling <type:factor>',
      'stretch positions to go past the trained context: linear:N or yarn:N',
      parseRopeScaling,
    )
    .option('--workers <n>', 'threads that compute (default: one per core)', parseCount);
}

/** The part of `load`'s options that flags give. */
export function loadOptions({ context, workers, ropeScaling }: EngineFlags): LoadOptions {
  return {
    ...(context !== undefined && { context }),
    ...(workers !== undefined && { workers }),
    ...(ropeScaling !== undefined && { ropeScaling }),
  };
}

export interface SamplingFlags {
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly topK: number;
  readonly minP: number;
  readonly repetitionPenalty: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

export function addSamplingOptions(
  command: Command,
  defaults: { maxTokens: number; temperature: number },
): Command {
  const number = (flag: string, text: string, value: number): Option =>
    new Option(flag, text).argParser(parseNumber).default(value);
  return command
    .addOption(number('-n, --max-tokens <n>', 'most tokens to generate', defaults.maxTokens))
    .addOption(number('-t, --temperature <t>', '0 takes the most likely token', defaults.temperature))
    .addOption(number('--top-p <p>', 'keep the smallest set of tokens with this much probability', 1))
    .addOption(number('--top-k <k>', 'keep the k most likely tokens; 0 keeps all', 0))
    .addOption(number('--min-p <p>', 'drop tokens below this share of the most likely one', 0))
    .addOption(number('--repetition-penalty <r>', 'divides logits of tokens seen before', 1))
    .addOption(number('--presence-penalty <p>', 'subtracted once from tokens generated before', 0))
    .addOption(number('--frequency-penalty <p>', 'subtracted per occurrence of a token generated before', 0))
    .option('--seed <n>', 'same seed, same text (default: random)', parseNumber)
    .option(
      '--stop <text>',
      'end before this text; may be given several times',
      (text: string, list: readonly string[] = []) => [...list, text],
    );
}

/** The part of `generate`'s options that flags give. */
export function generateOptions(flags: SamplingFlags): GenerateOptions {
  const { maxTokens, temperature, topP, topK, minP, seed, stop } = flags;
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = flags;
  return {
    maxTokens,
    temperature,
    topP,
    topK,
    minP,
    repetitionPenalty,
    presencePenalty,
    frequencyPenalty,
    ...(stop && { stop }),
    ...(seed !== undefined && { seed }),
  };
}
