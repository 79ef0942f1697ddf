/** `waferflow embed`: texts as vectors, and how near they are to each other. */
import type { Command } from 'commander';
import type { EmbedResult, Engine, Pooling } from '../index.js';
import { usageError } from './failure.js';
import { interruptible } from './interrupt.js';
import { addEngineOptions, type EngineFlags, parseCount } from './options.js';
import { printJson } from './output.js';
import { obtain } from './pull.js';
import { loadWithProgress } from './run.js';
import { readTextFile } from './text-file.js';

interface EmbedFlags extends EngineFlags {
  readonly lines?: string;
  readonly pooling?: Pooling;
  readonly dimensions?: number;
  readonly truncate?: boolean;
  readonly normalize: boolean;
  readonly json?: boolean;
}

export function registerEmbed(program: Command): void {
  addEngineOptions(program.command('embed [texts...]'))
    .description('texts as vectors: each next to the others by cosine, or as JSON')
    .option('--lines <file>', 'a UTF-8 file with a text on each line')
    .option('--pooling <how>', "mean, first or last of a text's rows (default: what the model is made for)")
    .option('--dimensions <n>', 'keep the first n numbers (default: all)', parseCount)
    .option('--truncate', 'cut texts off that are longer than the context')
    .option('--no-normalize', 'leave the length of vectors as it comes out')
    .option('--json', 'print one JSON document with the vectors')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow embed "a + b" "sum(a, b)" "class Tree {}"\n  $ waferflow embed "a + b" --json',
    )
    .action((texts: readonly string[], flags: EmbedFlags) =>
      interruptible((signal) => embed(texts, flags, signal)),
    );
}

async function embed(given: readonly string[], flags: EmbedFlags, signal: AbortSignal): Promise<void> {
  const { lines, pooling, dimensions, truncate = false, normalize } = flags;
  const fromFile = lines === undefined ? [] : (await readTextFile(lines)).split('\n');
  const texts = [...given, ...fromFile.filter((line) => line !== '')];
  if (texts.length === 0) {
    throw usageError('give texts, or --lines FILE');
  }
  const path = await obtain(flags.model, signal);
  const engine = await loadWithProgress(path, flags, signal);
  try {
    const result = await engine.embed(texts, {
      normalize,
      truncate,
      signal,
      ...(pooling !== undefined && { pooling }),
      ...(dimensions !== undefined && { dimensions }),
    });
    if (flags.json) {
      printJson({
        model: engine.info.name,
        pooling: pooling ?? engine.info.embedding.pooling,
        dimensions: result.embeddings[0]!.length,
        tokens: result.tokens,
        embeddings: result.embeddings.map((vector) => Array.from(vector)),
      });
    } else print(engine, texts, result);
  } finally {
    await engine.close();
  }
}

/** Texts in a column, and the cosine of each with those above it. */
function print({ info }: Engine, texts: readonly string[], { embeddings, tokens }: EmbedResult): void {
  const [first] = embeddings;
  console.log(`${info.name}: ${texts.length} texts, ${first!.length} numbers each`);
  const width = Math.min(40, Math.max(...texts.map(({ length }) => length)));
  for (const [i, text] of texts.entries()) {
    const shown = text.length > width ? `${text.slice(0, width - 3)}...` : text.padEnd(width);
    const near = embeddings.slice(0, i).map((other) => cosine(embeddings[i]!, other).toFixed(3).padStart(6));
    console.log(`${shown}  ${String(tokens[i]).padStart(5)} tokens ${near.join(' ')}`.trimEnd());
  }
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array): number =>
    x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  return lengths > 0 ? dot(a, b) / lengths : 0;
}
