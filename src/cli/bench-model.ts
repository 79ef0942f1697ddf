/** `waferflow bench model`: prefill and decode of one model, a line for each test, as llama-bench prints them. */
import { availableParallelism } from 'node:os';
import type { Command } from 'commander';
import { OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { readGguf } from '../formats/gguf.js';
import { inspectModel } from '../formats/inspect.js';
import { load } from '../index.js';
import { openModelSource } from '../platform/node/file-source.js';
import { resolveModel } from '../platform/node/models.js';
import type { Engine, SimdMode } from '../runtime/types.js';
import { interruptible } from './interrupt.js';
import { parseCount } from './options.js';
import { printJson, progressBar } from './output.js';
import { obtain } from './pull.js';

interface ModelBenchFlags {
  readonly prompt: readonly number[];
  readonly gen: readonly number[];
  readonly depth: readonly number[];
  readonly workers: readonly number[];
  readonly repetitions: number;
  readonly json?: boolean;
}

/** A test as llama-bench names it: `pp512`, `tg128 @ d4096`. */
interface Test {
  readonly name: string;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly depth: number;
}

export interface ModelBenchRow extends Test {
  readonly workers: number;
  readonly simd: SimdMode;
  /** Of all repetitions but the first, which warms up. */
  readonly tokensPerSecond: number;
  readonly deviation: number;
  readonly samples: readonly number[];
}

/** A list of threads, of which there is one at least. */
const threads = (text: string): number[] => text.split(',').map((part) => parseCount(part.trim()));

/** A list of tokens; 0 leaves a kind of test out. */
const counts = (text: string): number[] =>
  text.split(',').map((part) => (part.trim() === '0' ? 0 : parseCount(part.trim())));

export function registerBenchModel(bench: Command): void {
  bench
    .command('model')
    .description('measure prefill and decode of one model, in a line each')
    .argument('[model]', 'as for `run` (default: the embedded model)')
    .option('-p, --prompt <tokens>', 'prompts to read; 0 for none', counts, [512])
    .option('-n, --gen <tokens>', 'tokens to generate; 0 for none', counts, [128])
    .option('-d, --depth <tokens>', 'tokens in the context before', counts, [0])
    .option('-t, --workers <n>', 'threads that compute', threads, [availableParallelism()])
    .option('-r, --repetitions <n>', 'times that each test counts', parseCount, 5)
    .option('--json', 'print one JSON document on stdout')
    .addHelpText('after', '\nExample:\n  $ waferflow bench model -p 256 -n 64 -d 0,512 -t 1,2')
    .action((model: string | undefined, _: ModelBenchFlags, command: Command) =>
      // The command above takes --json and --model for its own, wherever they stand.
      interruptible((signal) => {
        const flags = command.optsWithGlobals<ModelBenchFlags & { readonly model?: string }>();
        return benchModel(model ?? flags.model, flags, signal);
      }),
    );
}

async function benchModel(
  model: string | undefined,
  flags: ModelBenchFlags,
  signal: AbortSignal,
): Promise<void> {
  const tests = testsOf(flags);
  if (tests.length === 0) {
    throw new OptionError({
      what: 'options prompt and gen',
      given: '0 tokens',
      expected: 'tokens to read or to generate',
      todo: 'Raise one of them, for example -n 128.',
    });
  }
  const path = await obtain(model, signal);
  const longest = Math.max(
    ...tests.map(
      ({ promptTokens, generatedTokens, depth }) => depth + Math.max(1, promptTokens) + generatedTokens,
    ),
  );
  const rows: ModelBenchRow[] = [];
  const bar = progressBar('measuring', 'tests');
  let name = '';
  try {
    for (const workers of flags.workers) {
      const engine = await load(path, { workers, context: longest + 1, signal });
      name = engine.info.name;
      try {
        for (const test of tests) {
          const samples: number[] = [];
          for (let i = 0; i <= flags.repetitions; i++) {
            signal.throwIfAborted();
            const rate = await measured(engine, test, i, signal);
            // The first one compiles, and touches memory for the first time.
            if (i > 0) samples.push(rate);
            bar.update(
              rows.length * (flags.repetitions + 1) + i + 1,
              tests.length * flags.workers.length * (flags.repetitions + 1),
            );
          }
          rows.push({
            ...test,
            workers: engine.info.workers,
            simd: engine.info.simd,
            samples,
            ...statistics(samples),
          });
        }
      } finally {
        await engine.close();
      }
    }
  } finally {
    bar.end();
  }
  const facts = await factsOf(path);
  if (flags.json) printJson({ model: name, ...facts, measured: rows });
  else console.log(table(name, facts, rows));
}

function testsOf({ prompt, gen, depth }: ModelBenchFlags): readonly Test[] {
  const at = (tokens: number): string => (tokens === 0 ? '' : ` @ d${tokens}`);
  return depth.flatMap((tokens): Test[] => [
    ...prompt
      .filter((n) => n > 0)
      .map((n) => ({ name: `pp${n}${at(tokens)}`, promptTokens: n, generatedTokens: 0, depth: tokens })),
    ...gen
      .filter((n) => n > 0)
      .map((n) => ({ name: `tg${n}${at(tokens)}`, promptTokens: 0, generatedTokens: n, depth: tokens })),
  ]);
}

/** Tokens a second of one run, in a context that no cache knows. */
async function measured(engine: Engine, test: Test, run: number, signal: AbortSignal): Promise<number> {
  const { depth, promptTokens, generatedTokens } = test;
  const { vocabSize } = engine.tokenizer;
  const most = Math.max(1, Math.min(vocabSize, 1000) - 4);
  const idsOf = (count: number, salt: number): number[] =>
    Array.from({ length: count }, (_, i) => 3 + (((i + 1) * 7919 * (salt + 1)) % most));
  const before = idsOf(depth, run);
  const options = { ignoreEos: true, temperature: 0, signal };
  if (promptTokens > 0) {
    // What stands before is read first, and found again by the prompt behind it.
    if (depth > 0) for await (const _ of engine.generate(before, { ...options, maxTokens: 1 }));
    for await (const chunk of engine.generate([...before, ...idsOf(promptTokens, run + 100)], {
      ...options,
      maxTokens: 1,
    })) {
      if (!chunk.done) continue;
      const { promptTokens: all, cachedTokens, prefillMs } = chunk.timings;
      return ((all - cachedTokens) / prefillMs) * 1000;
    }
  }
  const prompt = depth > 0 ? before : idsOf(1, run);
  for await (const chunk of engine.generate(prompt, { ...options, maxTokens: generatedTokens + 1 }))
    if (chunk.done) return chunk.timings.decodeTokensPerSecond;
  throw new Error('a generation ended without its last piece');
}

function statistics(samples: readonly number[]): {
  readonly tokensPerSecond: number;
  readonly deviation: number;
} {
  const mean = samples.reduce((sum, one) => sum + one, 0) / samples.length;
  const square = samples.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  return {
    tokensPerSecond: mean,
    deviation: samples.length < 2 ? 0 : Math.sqrt(square / (samples.length - 1)),
  };
}

interface Facts {
  readonly bytes: number;
  readonly parameters: number;
  readonly types: string;
}

async function factsOf(path: string | undefined): Promise<Facts> {
  const source = await openModelSource(resolveModel(path));
  try {
    const file = await readGguf(source);
    const { parameters, bytes } = inspectModel(file);
    const types = [...new Set([...file.tensors.values()].map(({ type }) => type))].join('+');
    return { parameters, bytes, types };
  } finally {
    await source.close();
  }
}

function table(name: string, { bytes, parameters, types }: Facts, rows: readonly ModelBenchRow[]): string {
  const cells = [
    ['model', 'size', 'params', 'backend', 'threads', 'test', 't/s'],
    ...rows.map(({ workers, simd, name: test, tokensPerSecond, deviation }) => [
      `${name} ${types}`,
      formatBytes(bytes),
      `${(parameters / 1e6).toFixed(2)} M`,
      `wasm ${simd}`,
      `${workers}`,
      test,
      `${tokensPerSecond.toFixed(2)} ± ${deviation.toFixed(2)}`,
    ]),
  ];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [
    line(cells[0]!),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...cells.slice(1).map(line),
  ].join('\n');
}
