/** `waferflow run`: completes a prompt, streaming. */
import { type Command, CommanderError } from 'commander';
import { OptionError } from '../core/errors.js';
import { type Engine, type GenerateEnd, load } from '../index.js';
import { resolveModel } from '../platform/node/models.js';
import { validateGenerate } from '../runtime/engine/options.js';
import type { GenerateOptions } from '../runtime/types.js';
import { interruptible } from './interrupt.js';
import {
  addEngineOptions,
  addSamplingOptions,
  type EngineFlags,
  generateOptions,
  loadOptions,
  parseIds,
  type SamplingFlags,
} from './options.js';
import { dim, formatNumber, printable, printJson, progressBar } from './output.js';
import { readPrompt } from './prompt.js';

interface RunFlags extends EngineFlags, SamplingFlags {
  readonly promptIds?: readonly number[];
  readonly json?: boolean;
}

export function registerRun(program: Command): void {
  const command = program
    .command('run')
    .description('complete a prompt, streaming')
    .argument(
      '[prompt]',
      'text to go on with; - reads standard input; default: piped input or a built-in prompt',
    )
    .option(
      '--prompt-ids <ids>',
      'token ids such as 1,2,3 instead of text; nothing is added to them',
      parseIds,
    );
  addSamplingOptions(addEngineOptions(command), { maxTokens: 128, temperature: 0 })
    .option('--json', 'print one JSON document on stdout instead of streaming')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow run "export function add(" --max-tokens 48\n  $ echo "const now = " | waferflow run --temperature 0.8 --top-k 40 --seed 7 --json',
    )
    .action((prompt: string | undefined, flags: RunFlags) =>
      interruptible((signal) => run(prompt, flags, signal)),
    );
}

async function run(argument: string | undefined, flags: RunFlags, signal: AbortSignal): Promise<void> {
  if (argument !== undefined && flags.promptIds) {
    console.error('error: a prompt was given both as text and as --prompt-ids');
    throw new CommanderError(2, 'waferflow.twoPrompts', 'two prompts');
  }
  const options = generateOptions(flags);
  validateGenerate(options);
  const path = resolveModel(flags.model);
  const prompt = flags.promptIds ?? (await readPrompt(argument));
  if (prompt === '') throw emptyPrompt();
  const engine = await loadWithProgress(path, flags, signal);
  try {
    const echo = typeof prompt === 'string' ? prompt : engine.tokenizer.decode(prompt);
    const end = await generate(engine, prompt, { ...options, signal }, flags.json ? null : echo);
    if (flags.json) printJson(toJson(engine, end));
    else console.error(`\n${figures(engine, end)}\n${simulatedFigures(end)}`);
  } finally {
    await engine.close();
  }
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
): Promise<Engine> {
  const bar = progressBar('loading', 'bytes');
  try {
    return await load(path, {
      ...loadOptions(flags),
      signal,
      onProgress: ({ loadedBytes, totalBytes }) => bar.update(loadedBytes, totalBytes),
    });
  } finally {
    bar.end();
  }
}

/** Generates to the end; streams `echo` and the text to stdout unless `echo` is null. */
async function generate(
  engine: Engine,
  prompt: string | readonly number[],
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
    `first token after ${formatNumber(timings.ttftMs)} ms`,
    `loaded in ${formatNumber(info.loadMs)} ms`,
    `${info.workers} ${info.workers === 1 ? 'worker' : 'workers'}, ${info.simd === 'simd' ? 'plain' : 'relaxed'} SIMD`,
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
