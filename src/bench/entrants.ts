/** Who can be measured, behind one interface: given prompts, it answers with what the run took. */
import type { Baseline } from '../baseline/engine.js';
import { EngineError } from '../core/errors.js';
import { type Engine, type GenerateEnd, simdNames } from '../runtime/types.js';
import type { BenchPhase, Contender } from './types.js';

export interface BenchCase {
  readonly phase: BenchPhase;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly batch: number;
}

export interface Sample {
  readonly tokensPerSecond: number;
  readonly ttftMs: number | null;
  readonly itlMs: readonly number[];
}

/** What one token of decode at a position moves; null for what an entrant does not tell. */
export interface StepTraffic {
  readonly bytes: number;
  readonly launches: number | null;
}

export interface Entrant {
  readonly contender: Contender;
  /** How it computes, for people. */
  readonly backend: string;
  /** Serves the requests of a batch one after the other. */
  readonly isSerial: boolean;
  traffic(position: number): StepTraffic | null;
  /** All prompts at once, each generating exactly as many tokens as the case says. */
  run(prompts: readonly (readonly number[])[], of: BenchCase, signal: AbortSignal): Promise<Sample>;
  close(): Promise<void>;
}

/** What one request of a run showed. */
interface Served {
  readonly startMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly itlMs: readonly number[];
  readonly tokens: number;
}

/**
 * A whole request: prompt and answer over the time from the call to the last token. Else, one request: its own rates;
 * several: all tokens over the time from the first start, or first token, to the end.
 */
function sampleOf(served: readonly Served[], { phase, promptTokens, batch }: BenchCase): Sample {
  const only = served[0]!;
  const ttftMs = Math.max(...served.map(({ startMs, firstMs }) => firstMs - startMs));
  const itlMs = served.flatMap((one) => one.itlMs);
  if (phase === 'request') {
    const start = Math.min(...served.map(({ startMs }) => startMs));
    const end = Math.max(...served.map(({ lastMs }) => lastMs));
    const tokens = served.reduce((sum, one) => sum + promptTokens + one.tokens, 0);
    return { tokensPerSecond: (1000 * tokens) / (end - start), ttftMs, itlMs };
  }
  if (batch === 1) {
    const rate = phase === 'prefill' ? only.prefillTokensPerSecond : only.decodeTokensPerSecond;
    return { tokensPerSecond: rate, ttftMs, itlMs };
  }
  const first = Math.min(...served.map(({ startMs, firstMs }) => (phase === 'prefill' ? startMs : firstMs)));
  const last = Math.max(...served.map(({ firstMs, lastMs }) => (phase === 'prefill' ? firstMs : lastMs)));
  const tokens =
    phase === 'prefill' ? promptTokens * served.length : served.reduce((sum, one) => sum + one.tokens - 1, 0);
  return { tokensPerSecond: (1000 * tokens) / (last - first), ttftMs, itlMs };
}

function requireTokens(contender: Contender, got: number, expected: number, signal: AbortSignal): void {
  signal.throwIfAborted();
  if (got === expected) return;
  throw new EngineError({
    what: `a measured run of ${contender}`,
    given: `${got} tokens`,
    expected: `${expected}`,
    todo: 'Give the models a longer context, or measure shorter runs.',
  });
}

/** The runtime. Tokens reach its caller in groups, so the gap before a group is shared out over its tokens. */
export function runtimeEntrant(engine: Engine): Entrant {
  const { config, weightBytes, parameters, workers, simd, kvBytesPerToken } = engine.info;
  const embedding = config.vocabSize * config.hiddenSize;
  // An embedding that is no head as well is read one row at a time.
  const readBytes = config.tieWordEmbeddings ? weightBytes : weightBytes * (1 - embedding / parameters);
  const serve = async (
    prompt: readonly number[],
    maxTokens: number,
    signal: AbortSignal,
  ): Promise<Served> => {
    const startMs = performance.now();
    const itlMs: number[] = [];
    let firstMs = 0;
    let lastMs = 0;
    let end: GenerateEnd | null = null;
    for await (const chunk of engine.generate(prompt, {
      maxTokens,
      temperature: 0,
      ignoreEos: true,
      signal,
    })) {
      const now = performance.now();
      if (chunk.done) end = chunk;
      else if (chunk.ids.length > 0) {
        const gaps = chunk.ids.length;
        if (firstMs === 0) firstMs = now;
        else itlMs.push(...new Array<number>(gaps).fill((now - lastMs) / gaps));
        lastMs = now;
      }
    }
    const { ids, timings } = end!;
    requireTokens('waferflow', ids.length, maxTokens, signal);
    // Tokens that came together with the first share what is left of the time in decode.
    const unseen = ids.length - 1 - itlMs.length;
    const left = Math.max(0, timings.decodeMs - itlMs.reduce((a, b) => a + b, 0));
    itlMs.push(...new Array<number>(unseen).fill(left / unseen));
    return {
      startMs,
      firstMs: startMs + timings.ttftMs,
      lastMs,
      prefillTokensPerSecond: timings.prefillTokensPerSecond,
      decodeTokensPerSecond: timings.decodeTokensPerSecond,
      itlMs,
      tokens: ids.length,
    };
  };
  return {
    contender: 'waferflow',
    backend: `WebAssembly ${simdNames[simd]}, ${workers} ${workers === 1 ? 'worker' : 'workers'}`,
    isSerial: false,
    traffic: (position) => ({
      bytes: readBytes + (position + 1) * kvBytesPerToken,
      launches: null,
    }),
    run: async (prompts, of, signal) =>
      sampleOf(await Promise.all(prompts.map((prompt) => serve(prompt, of.generatedTokens, signal))), of),
    close: () => engine.close(),
  };
}

/** The GPU-style engine, which serves one request after the other: gpu.js keeps one KV cache per compiled pass. */
export function baselineEntrant(baseline: Baseline): Entrant {
  const contender = 'baseline';
  const serve = async (
    prompt: readonly number[],
    maxTokens: number,
    signal: AbortSignal,
    startMs: number,
  ): Promise<Served> => {
    const { ids, timings } = await baseline.generate(prompt, { maxTokens, ignoreEos: true, signal });
    requireTokens(contender, ids.length, maxTokens, signal);
    const lastMs = performance.now();
    return {
      startMs,
      firstMs: lastMs - timings.decodeMs,
      lastMs,
      prefillTokensPerSecond: timings.prefillTokensPerSecond,
      decodeTokensPerSecond: timings.decodeTokensPerSecond,
      itlMs: timings.itlMs,
      tokens: ids.length,
    };
  };
  return {
    contender,
    backend: baseline.description,
    isSerial: true,
    traffic: (position) => baseline.step(position),
    run: async (prompts, of, signal) => {
      const startMs = performance.now();
      const runs = prompts.map((prompt) => serve(prompt, of.generatedTokens, signal, startMs));
      return sampleOf(await Promise.all(runs), of);
    },
    close: () => baseline.close(),
  };
}
