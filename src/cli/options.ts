/** Options that several commands share, and how their values are read. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { OptionError } from '../core/errors.js';
import {
  type GenerateOptions,
  type KvType,
  kvTypes,
  type LoadOptions,
  type LoraOption,
  type RopeScalingOption,
} from '../runtime/types.js';
import { readTextFile } from './text-file.js';

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

/** A TCP port; 0 stands for a free one. */
export function parsePort(text: string): number {
  const port = parseNumber(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
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
  readonly kvType?: KvType;
  readonly lora?: readonly LoraFlag[];
  readonly loraMerge?: boolean;
  readonly chatTemplate?: string;
  readonly chatTemplateFile?: string;
  readonly quantize?: string;
  readonly chatTemplateKwargs?: Readonly<Record<string, unknown>>;
}

/** A RoPE scaling such as `yarn:4`. */
function parseRopeScaling(text: string): RopeScalingOption {
  const [, type, factor] = /^(linear|yarn):(.+)$/.exec(text) ?? [];
  if ((type !== 'linear' && type !== 'yarn') || factor === undefined) {
    throw new InvalidArgumentError('Expected linear or yarn and a factor, such as yarn:4.');
  }
  return { type, factor: parseNumber(factor) };
}

/** A JSON object. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>;
  } catch {
    // Said below.
  }
  throw new InvalidArgumentError('Expected a JSON object such as {"enable_thinking": false}.');
}

/** An adapter such as `style=style.gguf:0.5`. */
/** An adapter, and of which of several models. */
export interface LoraFlag extends LoraOption {
  readonly model?: string;
}

function parseLora(text: string, list: readonly LoraFlag[] = []): LoraFlag[] {
  const form = /^(?:([\w.-]+)(?:@([^=@]+))?=)?(.+?)(?::(-?[\d.]+(?:e-?\d+)?))?$/i;
  const [, name, model, file, scale] = form.exec(text) ?? [];
  if (file === undefined) throw new InvalidArgumentError('Expected [NAME=]FILE[:SCALE].');
  const said = { ...(name !== undefined && { name }), ...(model !== undefined && { model }) };
  return [...list, { file, ...said, ...(scale !== undefined && { scale: parseNumber(scale) }) }];
}

const model =
  'GGUF file, name from `waferflow list`, or what `waferflow pull` takes (default: the embedded model)';

export function addEngineOptions(command: Command): Command {
  return addLoadOptions(command.option('-m, --model <path|name>', model));
}

/** As `addEngineOptions`, for a command that takes several models. */
export function addEnginesOptions(command: Command): Command {
  const several = `${model}; may be given several times`;
  return addLoadOptions(command.option('-m, --model <path|name>', several, list));
}

/** Collects the values of an option that may be given several times. */
export const list = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

function addLoadOptions(command: Command): Command {
  return command
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
    .option(
      '--quantize <type>',
      'load matrices in this type, e.g. q8_0 or q4_k (default: as they are stored)',
    )
    .option(
      '--lora <[name=]file[:scale]>',
      'LoRA adapter, a GGUF file or a PEFT folder; may be given several times, all work together',
      parseLora,
    )
    .option('--lora-merge', 'add the adapters to the weights while they are loaded')
    .option('--workers <n>', 'threads that compute (default: one per core)', parseCount)
    .addOption(
      new Option('--kv-type <type>', 'how keys and values are kept (default: int16)').choices(kvTypes),
    )
    .option('--chat-template <jinja|name>', "in place of the model's, or another one of its file by name")
    .addOption(
      new Option('--chat-template-file <path>', "Jinja in place of the model's chat template").conflicts(
        'chatTemplate',
      ),
    )
    .option(
      '--chat-template-kwargs <json>',
      'variables of the chat template, such as {"enable_thinking": false}',
      parseObject,
    );
}

/** The part of `load`'s options that flags give. */
export async function loadOptions({
  context,
  workers,
  ropeScaling,
  quantize,
  kvType,
  lora,
  loraMerge,
  chatTemplate,
  chatTemplateFile,
  chatTemplateKwargs,
}: Omit<EngineFlags, 'model'>): Promise<LoadOptions> {
  const elsewhere = lora?.find(({ model: of }) => of !== undefined);
  if (elsewhere !== undefined)
    throw new OptionError({
      what: '--lora',
      given: `an adapter of ${JSON.stringify(elsewhere.model)}`,
      expected: '[NAME=]FILE[:SCALE], as only `serve` has several models',
      todo: 'Leave @MODEL out.',
    });
  const template =
    chatTemplateFile === undefined ? chatTemplate : await readTextFile(chatTemplateFile, 'a Jinja template');
  return {
    ...(template !== undefined && { chatTemplate: template }),
    ...(chatTemplateKwargs !== undefined && { chatVariables: chatTemplateKwargs }),
    ...(context !== undefined && { context }),
    ...(workers !== undefined && { workers }),
    ...(ropeScaling !== undefined && { ropeScaling }),
    ...(quantize !== undefined && { quantize }),
    ...(kvType !== undefined && { kvType }),
    ...(lora !== undefined && { lora }),
    ...(loraMerge !== undefined && { loraMerge }),
  };
}

/** An answer in a conversation is longer than a piece of code that is gone on with. */
export const MAX_ANSWER_TOKENS = 512;

export interface SamplingFlags {
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** What a flag stands for while neither it nor the model's file says anything. */
const neutral = { topP: '1', topK: '0', minP: '0', repetitionPenalty: '1', penalty: '0' } as const;

/** Where none of the flags that choose tokens is given, the recommendation in the model's file holds, if it makes one. */
export function addSamplingOptions(
  command: Command,
  defaults: { maxTokens: string; temperature: number | string; others?: string },
): Command {
  const number = (flag: string, text: string, value: string): Option =>
    new Option(flag, `${text} (default: ${value})`).argParser(parseNumber);
  const other = (flag: string, text: string, value: string): Option =>
    number(flag, text, defaults.others ?? value);
  return command
    .addOption(number('-n, --max-tokens <n>', 'most tokens to generate', defaults.maxTokens))
    .addOption(
      number(
        '-t, --temperature <t>',
        '0 takes the most likely token',
        `the model's, else ${defaults.temperature}`,
      ),
    )
    .addOption(
      other('--top-p <p>', 'keep the smallest set of tokens with this much probability', neutral.topP),
    )
    .addOption(other('--top-k <k>', 'keep the k most likely tokens; 0 keeps all', neutral.topK))
    .addOption(other('--min-p <p>', 'drop tokens below this share of the most likely one', neutral.minP))
    .addOption(
      other('--repetition-penalty <r>', 'divides logits of tokens seen before', neutral.repetitionPenalty),
    )
    .addOption(
      other('--presence-penalty <p>', 'subtracted once from tokens generated before', neutral.penalty),
    )
    .addOption(
      other(
        '--frequency-penalty <p>',
        'subtracted per occurrence of a token generated before',
        neutral.penalty,
      ),
    )
    .option('--seed <n>', 'same seed, same text (default: random)', parseNumber);
}

export function addStopOption(command: Command): Command {
  return command.option(
    '--stop <text>',
    'end before this text; may be given several times',
    (text: string, list: readonly string[] = []) => [...list, text],
  );
}

const samplingFlags = [
  'maxTokens',
  'temperature',
  'topP',
  'topK',
  'minP',
  'repetitionPenalty',
  'presencePenalty',
  'frequencyPenalty',
  'seed',
  'stop',
] as const satisfies readonly (keyof SamplingFlags)[];

/** The part of `generate`'s options that flags give. */
export function generateOptions(flags: SamplingFlags): GenerateOptions {
  const given = samplingFlags.filter((name) => flags[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, flags[name]]));
}
