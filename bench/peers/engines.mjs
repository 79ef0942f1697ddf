/**
 * One engine in one process: `node engines.mjs ENGINE THREADS FILE figures CASES` prints one JSON line with tokens per
 * second of every figure of compare.mjs. Decode: tokens after the first, greedy, after a prompt of so many ids. Prefill: a
 * prompt of 512 ids. Streams: such decodes side by side, all their tokens. Best of the runs that fit in a few seconds,
 * since what else the machine does can only slow a run; prompts differ, so that no cache of prefixes helps what is counted.
 *
 * With `serve` it measures the cases that it reads, a line of JSON each such as
 * `{"phase":"decode","promptTokens":16,"generatedTokens":64,"batch":1}`, once each, and answers with a line of JSON.
 */
import { createInterface } from 'node:readline';

const [engineName, threads, path, mode, casesText = '{}'] = process.argv.slice(2);
const cases = {
  contexts: [8],
  decodeTokens: 128,
  prefill: 512,
  streams: { streams: 8, prompt: 8, tokens: 128 },
};
Object.assign(cases, JSON.parse(casesText));
const { contexts, decodeTokens, prefill, streams } = cases;
const RUNS = 5;
const BUDGET_SECONDS = 4;
const CONTEXT = Math.max(1024, ...contexts.map((context) => context + decodeTokens + 8));

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
    contextSize: CONTEXT,
    batchSize: prefill,
    threads,
    sequences: streams.streams,
  });
  const sequences = Array.from({ length: streams.streams }, () => context.getSequence());
  const [sequence] = sequences;
  const decodeOn = async (own, prompt, tokens) => {
    let count = 0;
    let start = 0;
    // Random weights may pick an end token: go on past it.
    for await (const _ of own.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
      if (count === 0) start = performance.now();
      if (count++ === tokens) break;
    }
    return count > tokens ? tokens / secondsSince(start) : 0;
  };
  return {
    async decode(count) {
      await sequence.clearHistory();
      return decodeOn(sequence, promptIds(count), decodeTokens);
    },
    async streams() {
      for (const own of sequences) await own.clearHistory();
      const start = performance.now();
      await Promise.all(sequences.map((own) => decodeOn(own, promptIds(streams.prompt), streams.tokens)));
      return (streams.streams * streams.tokens) / secondsSince(start);
    },
    async prefill() {
      await sequence.clearHistory();
      const start = performance.now();
      await sequence.evaluateWithoutGeneratingNewTokens(promptIds(prefill));
      return prefill / secondsSince(start);
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
  const kvTokens = Math.max(CONTEXT, streams.streams * (streams.prompt + streams.tokens + 32));
  const engine = await load(path, {
    workers: threads,
    context: CONTEXT,
    kvTokens,
    maxRunning: streams.streams,
  });
  const measure = async (prompt, maxTokens) => {
    const options = { maxTokens, temperature: 0, ignoreEos: true };
    for await (const chunk of engine.generate(prompt, options)) if (chunk.done) return chunk;
  };
  const long = new Map();
  return {
    about: { simd: engine.info.simd, loadMs: Math.round(engine.info.loadMs) },
    async decode(count) {
      // The prompt is not what is counted here.
      if (!long.has(count)) long.set(count, promptIds(count));
      const { ids, timings } = await measure(long.get(count), decodeTokens + 1);
      return ids.length > decodeTokens ? timings.decodeTokensPerSecond : 0;
    },
    async streams() {
      const start = performance.now();
      const { streams: count, prompt, tokens } = streams;
      await Promise.all(Array.from({ length: count }, () => measure(promptIds(prompt), tokens + 1)));
      return (count * tokens) / secondsSince(start);
    },
    prefill: async () => (await measure(promptIds(prefill), 1)).timings.prefillTokensPerSecond,
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
  const best = { ...engine.about };
  const figures = [
    ...contexts.map((context) => [`decode ${context}`, () => engine.decode(context)]),
    [`prefill ${prefill}`, () => engine.prefill()],
    [`${streams.streams} streams`, () => engine.streams()],
  ];
  for (const [name, measure] of figures) {
    const start = performance.now();
    best[name] = 0;
    for (let run = 0; run < RUNS && (run < 2 || secondsSince(start) < BUDGET_SECONDS); run++) {
      best[name] = Math.max(best[name], await measure());
    }
  }
  console.log(JSON.stringify(best));
}
await engine.close();
