/** `waferflow run`: completes a prompt, streaming. */
import { type Command, CommanderError } from 'commander';
import { OptionError } from '../core/errors.js';
import { type ChatMessage, type Engine, type GenerateEnd, load } from '../index.js';
import { validateGenerate } from '../runtime/engine/options.js';
import { compileGrammar } from '../runtime/grammar/grammar.js';
import { type GenerateOptions, type LoadOptions, type Prompt, simdNames } from '../runtime/types.js';
import { addFormOptions, type FormFlags, grammarOf } from './form.js';
import { interruptible } from './interrupt.js';
import {
  addEngineOptions,
  addSamplingOptions,
  addStopOption,
  type EngineFlags,
  generateOptions,
  loadOptions,
  MAX_ANSWER_TOKENS,
  parseIds,
  type SamplingFlags,
} from './options.js';
import { dim, formatNumber, printable, printJson, progressBar, say } from './output.js';
import { profileTable } from './profile.js';
import { readPrompt } from './prompt.js';
import { obtain } from './pull.js';

/** Of a completion. */
const MAX_TOKENS = 128;

interface RunFlags extends EngineFlags, SamplingFlags, FormFlags {
  readonly promptIds?: readonly number[];
  readonly system?: string;
  readonly raw?: boolean;
  readonly draftModel?: string;
  readonly profile?: boolean;
  readonly json?: boolean;
}

export function registerRun(program: Command): void {
  const command = program
    .command('run')
    .description('answer or complete a prompt, streaming')
    .argument(
      '[prompt]',
      'what to answer, or to go on with where the model has no chat template; piped input follows it; - reads standard input alone; default: a built-in prompt',
    )
    .option('--system <text>', 'instructions to the model, before the prompt')
    .option('--raw', "go on with the prompt as it is, without the model's chat template")
    .option(
      '--prompt-ids <ids>',
      'token ids such as 1,2,3 instead of text; nothing is added to them',
      parseIds,
    );
  addFormOptions(
    addSamplingOptions(addStopOption(addEngineOptions(command)), {
      maxTokens: `${MAX_TOKENS}, of an answer by chat template ${MAX_ANSWER_TOKENS}`,
      temperature: 0,
    }),
  )
    .option('--draft-model <path|name>', 'a quicker model with the same tokens, whose guesses are checked')
    .option('--profile', 'measure what the time of steps is spent on')
    .option('--json', 'print one JSON document on stdout instead of streaming')
    .addHelpText(
      'after',
      `\nExamples:\n  $ waferflow run "export function add(" --max-tokens 48\n  $ echo "const now = " | waferflow run --temperature 0.8 --top-k 40 --seed 7 --json\n  $ waferflow run "const point = " --json-schema '{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}'`,
    )
    .action((prompt: string | undefined, flags: RunFlags) =>
      interruptible((signal) => run(prompt, flags, signal)),
    );
}

async function run(argument: string | undefined, flags: RunFlags, signal: AbortSignal): Promise<void> {
  if (argument !== undefined && flags.promptIds)
    throw usage('a prompt was given both as text and as --prompt-ids');
  if (flags.system !== undefined && (flags.promptIds || flags.raw))
    throw usage(`--system is part of a chat template, and ${flags.raw ? '--raw' : '--prompt-ids'} uses none`);
  const options = generateOptions(flags);
  validateGenerate(options);
  const grammar = await grammarOf(flags);
  if (grammar !== null) compileGrammar(grammar);
  const path = await obtain(flags.model, signal);
  const given = flags.promptIds ?? (await readPrompt(argument));
  if (given === '') throw emptyPrompt();
  const draftPath = flags.draftModel === undefined ? null : await obtain(flags.draftModel, signal);
  const engine = await loadWithProgress(path, flags, signal, { profile: flags.profile ?? false });
  let draft: Engine | null = null;
  try {
    if (draftPath !== null) draft = await loadWithProgress(draftPath, flags, signal);
    const { prompt, echo } = promptOf(engine, given, flags);
    const maxTokens = echo === null ? MAX_ANSWER_TOKENS : MAX_TOKENS;
    const all = { maxTokens, ...options, ...(grammar && { grammar }), ...(draft && { draft }), signal };
    const end = await generate(engine, prompt, all, flags.json ? null : (echo ?? ''));
    if (flags.json) printJson(toJson(engine, end));
    else {
      const { profile } = end.timings;
      const times = profile ? `${profileTable(profile)}\n` : '';
      console.error(`\n${times}${figures(engine, end)}\n${simulatedFigures(end)}`);
    }
  } finally {
    await Promise.all([engine.close(), draft?.close()]);
  }
}

function usage(message: string): CommanderError {
  say(`error: ${message}`);
  return new CommanderError(2, 'waferflow.run', message);
}

/** What the engine is asked, and what of it is shown before its text: what a completion goes on with, nothing of a conversation. */
function promptOf(
  { tokenizer, info }: Engine,
  given: string | readonly number[],
  { raw, system }: RunFlags,
): { prompt: Prompt; echo: string | null } {
  if (typeof given !== 'string') return { prompt: given, echo: tokenizer.decode(given) };
  if (tokenizer.chatTemplate !== null && !raw) {
    const messages: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
    return { prompt: [...messages, { role: 'user', content: given }], echo: null };
  }
  if (system === undefined) return { prompt: given, echo: given };
  throw new OptionError({
    what: '--system',
    given: `instructions to ${info.name}, a completion model`,
    expected: 'a model with a chat template',
    todo: 'Put the instructions in front of the prompt, or choose an instruct model with --model.',
  });
}

function emptyPrompt(): OptionError {
  return new OptionError({
    what: 'prompt',
    given: 'an empty text',
    expected: 'at least one character',
    todo: 'Leave the argument out to complete the built-in prompt.',
  });
}

/** Loads a model with a progress bar on a terminal. */
export async function loadWithProgress(
  path: string,
  flags: EngineFlags,
  signal: AbortSignal,
  options: LoadOptions = {},
): Promise<Engine> {
  const bar = progressBar('loading', 'bytes');
  try {
    const engine = await load(path, {
      ...(await loadOptions(flags)),
      ...options,
      signal,
      onProgress: ({ loadedBytes, totalBytes }) => bar.update(loadedBytes, totalBytes),
    });
    bar.end();
    for (const warning of engine.tokenizer.warnings) say(`waferflow: ${warning}`);
    return engine;
  } finally {
    bar.end();
  }
}

/** Generates to the end; streams `echo` and the text to stdout unless `echo` is null. */
async function generate(
  engine: Engine,
  prompt: Prompt,
  options: GenerateOptions,
  echo: string | null,
): Promise<GenerateEnd> {
  const { stdout } = process;
  const bar = progressBar('reading the prompt', 'tokens');
  let rest = echo === null ? '' : dim(printable(echo, stdout), stdout);
  try {
    for await (const chunk of engine.generate(prompt, { ...options, onPrefill: bar.update })) {
      // The prompt comes with the first token, since a progress bar would write over its last line.
      bar.end();
      stdout.write(rest);
      rest = '';
      if (chunk.done) return chunk;
      if (echo !== null) stdout.write(printable(chunk.text, stdout));
    }
  } finally {
    bar.end();
    if (echo !== null) stdout.write('\n');
  }
  throw new Error('the generation ended without its last piece');
}

function toJson(engine: Engine, end: GenerateEnd): Record<string, unknown> {
  const { info } = engine;
  const { timings } = end;
  return {
    model: info.name,
    promptIds: end.promptIds,
    ids: end.ids,
    text: end.text,
    finishReason: end.finishReason,
    measured: {
      loadMs: info.loadMs,
      ttftMs: timings.ttftMs,
      prefillTokensPerSecond: timings.prefillTokensPerSecond,
      decodeTokensPerSecond: timings.decodeTokensPerSecond,
      ...(timings.profile && { profile: timings.profile }),
      workers: info.workers,
      simd: info.simd,
    },
    simulated: end.simulated,
  };
}

/** The line under a completion: all of it measured on this machine. */
function figures({ info }: Engine, { timings }: GenerateEnd): string {
  return [
    info.name,
    `${timings.generatedTokens} tokens at ${formatNumber(timings.decodeTokensPerSecond)} tokens/s`,
    `prompt of ${timings.promptTokens} at ${formatNumber(timings.prefillTokensPerSecond)} tokens/s`,
    ...(timings.draftTokens > 0
      ? [`${timings.acceptedTokens} of ${timings.draftTokens} drafts accepted`]
      : []),
    `first token after ${formatNumber(timings.ttftMs)} ms`,
    `loaded in ${formatNumber(info.loadMs)} ms`,
    `${info.workers} ${info.workers === 1 ? 'worker' : 'workers'}, ${simdNames[info.simd]}, KV ${info.kvType}`,
  ].join(' | ');
}

/** A line per machine, all of it simulated: what one of them would take for the same tokens, in 16-bit weights. */
function simulatedFigures({ simulated }: GenerateEnd): string {
  return simulated
    .map(
      ({ machine, ttftMs, tokensPerSecond }) =>
        `simulated ${machine}: the same tokens at ${formatNumber(tokensPerSecond)} tokens/s | first token after ${formatNumber(ttftMs)} ms`,
    )
    .join('\n');
}
