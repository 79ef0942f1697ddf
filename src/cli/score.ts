/** `waferflow score`: how well a model predicts a text, token by token. */
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { messageOf, OptionError } from '../core/errors.js';
import type { Engine, ScoreOptions, ScoreResult } from '../index.js';
import { usageError } from './failure.js';
import { interruptible } from './interrupt.js';
import { addEngineOptions, type EngineFlags, parseIds } from './options.js';
import { formatNumber, printJson, progressBar } from './output.js';
import { obtain } from './pull.js';
import { loadWithProgress } from './run.js';
import { readTextFile } from './text-file.js';

interface ScoreFlags extends EngineFlags {
  readonly text?: string;
  readonly ids?: readonly number[];
  readonly json?: boolean;
  readonly jsonl?: boolean;
}

export function registerScore(program: Command): void {
  addEngineOptions(program.command('score'))
    .description('score a text or token ids: how surprised the model is by each next token')
    .option('--text <file>', 'a UTF-8 file, scored as a whole; other bytes are an error')
    .option('--ids <ids>', 'token ids such as 1,2,3; nothing is added to them', parseIds)
    .option('--json', 'print one JSON document with argmax and nll per position')
    .option('--jsonl', 'read a JSON document {"ids"} or {"text"} a line and answer each on a line')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow score --text README.md\n  $ waferflow score --ids 1,2,3,4 --json\n  $ echo \'{"ids": [1, 2, 3]}\' | waferflow score --jsonl',
    )
    .action((flags: ScoreFlags) => interruptible((signal) => score(flags, signal)));
}

async function score(flags: ScoreFlags, signal: AbortSignal): Promise<void> {
  if ([flags.text, flags.ids, flags.jsonl].filter((input) => input !== undefined).length !== 1) {
    throw usageError('give one of --text FILE, --ids 1,2,3 and --jsonl');
  }
  const path = await obtain(flags.model, signal);
  const text = flags.text === undefined ? null : await readTextFile(flags.text);
  // Scores are what other engines are compared with.
  const engine = await loadWithProgress(path, flags, signal, { kvType: 'f32' });
  try {
    if (flags.jsonl) return await scoreLines(engine, signal);
    const bar = progressBar('scoring', 'tokens');
    const onProgress = (done: number, total: number): void => bar.update(done, total);
    const scored = await scoreOne(engine, text ?? flags.ids!, { signal, onProgress }).finally(() =>
      bar.end(),
    );
    if (flags.json) printJson(scored.report);
    else print(engine, scored);
  } finally {
    await engine.close();
  }
}

/** A JSON document a line on standard input, an answer a line, `{error}` where one fails. */
async function scoreLines(engine: Engine, signal: AbortSignal): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    if (line.trim() === '') continue;
    try {
      printJson((await scoreOne(engine, inputOf(line), { signal })).report);
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      printJson({ error: messageOf(thrown) });
    }
  }
}

function inputOf(line: string): string | readonly number[] {
  const { ids, text } = (JSON.parse(line) ?? {}) as { readonly ids?: unknown; readonly text?: unknown };
  if (typeof text === 'string' && ids === undefined) return text;
  if (Array.isArray(ids) && text === undefined && ids.every((id) => typeof id === 'number')) return ids;
  throw new TypeError('a line has to be an object with either "ids", numbers, or the string "text"');
}

interface Scored {
  readonly report: ScoreResult & { readonly bitsPerByte: number | null; readonly perplexity: number };
  readonly bytes: number;
}

async function scoreOne(
  engine: Engine,
  input: string | readonly number[],
  options: ScoreOptions,
): Promise<Scored> {
  const ids = typeof input === 'string' ? engine.tokenizer.encode(input) : input;
  if (ids.length < 2) {
    throw new OptionError({
      what: 'tokens to score',
      given: `${ids.length} of them`,
      expected: 'at least 2 tokens, so that one follows another',
      todo: 'Give a longer text or more ids.',
    });
  }
  const bytes = typeof input === 'string' ? Buffer.byteLength(input) : bytesAfterFirst(engine, ids);
  const { tokens, argmax, nll } = await engine.score(ids, options);
  const totalNats = nll.reduce((sum, nats) => sum + nats, 0);
  const bitsPerByte = bytes > 0 ? totalNats / Math.LN2 / bytes : null;
  return {
    bytes,
    report: { tokens, argmax, nll, bitsPerByte, perplexity: Math.exp(totalNats / nll.length) },
  };
}

function print(engine: Engine, { bytes, report: { tokens, nll, bitsPerByte, perplexity } }: Scored): void {
  const hits = nll.filter((nats) => nats < Math.LN2).length;
  console.log(`${engine.info.name}: ${tokens} tokens, ${bytes} bytes`);
  console.log(`perplexity     ${formatNumber(perplexity)} per token`);
  if (bitsPerByte !== null) console.log(`bits per byte  ${formatNumber(bitsPerByte)}`);
  console.log(
    `sure           ${formatNumber((100 * hits) / nll.length)} % of tokens had a probability above one half`,
  );
}

/** The bytes that the scored ids stand for: all but the first, which nothing predicts. */
function bytesAfterFirst({ tokenizer }: Engine, ids: readonly number[]): number {
  return ids.slice(1).reduce((sum, id) => sum + tokenizer.bytesOf(id).length, 0);
}
