/** `waferflow score`: how well a model predicts a text, token by token. */
import type { Command } from 'commander';
import { OptionError } from '../core/errors.js';
import type { Engine, ScoreResult } from '../index.js';
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
}

export function registerScore(program: Command): void {
  addEngineOptions(program.command('score'))
    .description('score a text or token ids: how surprised the model is by each next token')
    .option('--text <file>', 'a UTF-8 file, scored as a whole; other bytes are an error')
    .option('--ids <ids>', 'token ids such as 1,2,3; nothing is added to them', parseIds)
    .option('--json', 'print one JSON document with argmax and nll per position')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow score --text README.md\n  $ waferflow score --ids 1,2,3,4 --json',
    )
    .action((flags: ScoreFlags) => interruptible((signal) => score(flags, signal)));
}

async function score(flags: ScoreFlags, signal: AbortSignal): Promise<void> {
  if ((flags.text === undefined) === (flags.ids === undefined)) {
    throw usageError('give either --text FILE or --ids 1,2,3');
  }
  const path = await obtain(flags.model, signal);
  const text = flags.text === undefined ? null : await readTextFile(flags.text);
  // Scores are what other engines are compared with.
  const engine = await loadWithProgress(path, flags, signal, { kvType: 'f32' });
  try {
    const ids = text === null ? flags.ids! : engine.tokenizer.encode(text);
    if (ids.length < 2) {
      throw new OptionError({
        what: 'tokens to score',
        given: `${ids.length} of them`,
        expected: 'at least 2 tokens, so that one follows another',
        todo: 'Give a longer text or more ids.',
      });
    }
    const bytes = text === null ? bytesAfterFirst(engine, ids) : Buffer.byteLength(text);
    const bar = progressBar('scoring', 'tokens');
    const result = await engine
      .score(ids, { signal, onProgress: (done, total) => bar.update(done, total) })
      .finally(() => bar.end());
    print(engine, result, bytes, flags.json ?? false);
  } finally {
    await engine.close();
  }
}

function print(engine: Engine, { tokens, argmax, nll }: ScoreResult, bytes: number, json: boolean): void {
  const totalNats = nll.reduce((sum, nats) => sum + nats, 0);
  const bitsPerByte = bytes > 0 ? totalNats / Math.LN2 / bytes : null;
  const perplexity = Math.exp(totalNats / nll.length);
  if (json) {
    printJson({ tokens, argmax, nll, bitsPerByte, perplexity });
    return;
  }
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
