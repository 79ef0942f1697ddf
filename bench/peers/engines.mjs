/**
 * One engine in one process: `node engines.mjs ENGINE THREADS FILE` prints one JSON line with tokens per second.
 * Decode: 128 tokens after the first, greedy, after a prompt of 8 ids. Prefill: a prompt of 512 ids. Batch: 8 such
 * decodes side by side, all their tokens. Best of the runs that fit in a few seconds, since what else the machine does
 * can only slow a run. Every run has a prompt of its own, so that no cache of prefixes helps.
 *
 * With a fourth argument, `serve`, it measures the cases that it reads, a line of JSON each such as
 * `{"phase":"decode","promptTokens":16,"generatedTokens":64,"batch":1}`, once each, and answers with a line of JSON.
 */
import { createInterface } from 'node:readline';

const [engineName, threads, path, mode] = process.argv.slice(2);
const DECODE_PROMPT = 8;
const DECODE_TOKENS = 128;
const PREFILL_TOKENS = 512;
const STREAMS = 8;
const RUNS = 5;
const BUDGET_SECONDS = 4;

/** Ids that every vocabulary has, none of them a control token. */
let salt = 0;
const promptIds = (count) => {
  salt++;
  return Array.from({ length: count }, (_, i) => 3 + (((i + 1) * 7919 * salt) % 499));
};

const secondsSince = (start) => (performance.now() - start) / 1000;

async function llamaCpp(threads, path) {
  // By the name it was asked for under: only this folder's package.json installs it.
  const { getLlama } = await import(engineName);
  const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 0, logLevel: 'error' });
  const model = await llama.loadModel({ modelPath: path });
  const context = await model.createContext({
    contextSize: 1024,
    batchSize: PREFILL_TOKENS,
    threads,
    sequences: STREAMS,
  });
  const sequences = Array.from({ length: STREAMS }, () => context.getSequence());
  const [sequence] = sequences;
  const decodeOn = async (own) => {
    await own.clearHistory();
    let count = 0;
    let start = 0;
    // Random weights may pick an end token: go on past it.
    for await (const _ of own.evaluate(promptIds(DECODE_PROMPT), { temperature: 0, yieldEogToken: true })) {
      if (count === 0) start = performance.now();
      if (count++ === DECODE_TOKENS) break;
    }
    return count > DECODE_TOKENS ? DECODE_TOKENS / secondsSince(start) : 0;
  };
  return {
    decode: () => decodeOn(sequence),
    async batch() {
      const start = performance.now();
      await Promise.all(sequences.map(decodeOn));
      return (STREAMS * DECODE_TOKENS) / secondsSince(start);
    },
    async prefill() {
      await sequence.clearHistory();
      const start = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(promptIds(PREFILL_TOKENS));
      return PREFILL_TOKENS / secondsSince(start);
    },
    /** One case: all its requests at once. */
    async measure({ phase, promptTokens, generatedTokens, batch }) {
      const begun = performance.now();
      const requests = sequences.slice(0, batch).map(async (own) => {
        await own.clearHistory();
        const times = [];
        for await (const _ of own.evaluate(promptIds(promptTokens), {
          temperature: 0,
          yieldEogToken: true,
        })) {
          times.push(performance.now());
          if (times.length === generatedTokens) break;
        }
        if (times.length < generatedTokens) throw new Error(`${times.length} of ${generatedTokens} tokens`);
        return times;
      });
      const all = await Promise.all(requests);
      const firsts = all.map((times) => times[0]);
      const start = phase === 'decode' ? Math.min(...firsts) : begun;
      const end = Math.max(...(phase === 'prefill' ? firsts : all.map((times) => times.at(-1))));
      const tokens = {
        prefill: promptTokens,
        decode: generatedTokens - 1,
        request: promptTokens + generatedTokens,
      };
      return {
        tokensPerSecond: (1000 * batch * tokens[phase]) / (end - start),
        ttftMs: Math.max(...firsts) - begun,
        itlMs: all.flatMap((times) => times.slice(1).map((time, i) => time - times[i])),
      };
    },
    close: () => llama.dispose(),
  };
}

async function waferflow(threads, path) {
  const { load } = await import('../../dist/src/index.js');
  const engine = await load(path, { workers: threads, context: 1024, kvTokens: 8192, maxRunning: STREAMS });
  const measure = async (count, maxTokens) => {
    const options = { maxTokens, temperature: 0, ignoreEos: true };
    for await (const chunk of engine.generate(promptIds(count), options)) if (chunk.done) return chunk;
  };
  return {
    async decode() {
      const { ids, timings } = await measure(DECODE_PROMPT, DECODE_TOKENS + 1);
      return ids.length > DECODE_TOKENS ? timings.decodeTokensPerSecond : 0;
    },
    async batch() {
      const start = performance.now();
      await Promise.all(Array.from({ length: STREAMS }, () => measure(DECODE_PROMPT, DECODE_TOKENS + 1)));
      return (STREAMS * DECODE_TOKENS) / secondsSince(start);
    },
    prefill: async () => (await measure(PREFILL_TOKENS, 1)).timings.prefillTokensPerSecond,
    close: () => engine.close(),
  };
}

const engine = await { 'node-llama-cpp': llamaCpp, waferflow }[engineName](Number(threads), path);
if (mode === 'serve') {
  for await (const line of createInterface({ input: process.stdin })) {
    const figures = await engine.measure(JSON.parse(line));
    console.log(JSON.stringify(figures));
  }
} else {
  const best = { decode: 0, prefill: 0, batch: 0 };
  for (const kind of Object.keys(best)) {
    const start = performance.now();
    for (let run = 0; run < RUNS && (run === 0 || secondsSince(start) < BUDGET_SECONDS); run++) {
      best[kind] = Math.max(best[kind], await engine[kind]());
    }
  }
  console.log(
    JSON.stringify({
      decodeTokensPerSecond: best.decode,
      prefillTokensPerSecond: best.prefill,
      batchTokensPerSecond: best.batch,
    }),
  );
}
await engine.close();
