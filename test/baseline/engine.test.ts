/** The GPU-style baseline: the text of a trained model, its logits on tiny ones, its limits. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Backend } from '#src/baseline/device.js';
import { type Baseline, type BaselineOptions, openBaseline } from '#src/baseline/engine.js';
import { EngineError, FormatError, ModelError, OptionError } from '#src/core/errors.js';
import { bytesSource } from '#src/formats/source.js';
import { argmax } from '#src/runtime/leader/sampler.js';
import { withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

async function open(bytes: Uint8Array, options: BaselineOptions = {}): Promise<Baseline> {
  const baseline = await openBaseline(bytesSource(bytes, 'test.gguf'), { backend: 'webasm', ...options });
  onTestFinished(() => baseline.close());
  return baseline;
}

interface Golden {
  readonly file: string;
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
}

const directory = 'models/stories260K';
const goldenPath = sharedPath(`${directory}/golden-greedy.jsonl`);

describe.skipIf(goldenPath === null)('a trained model', () => {
  const golden = (file: string): Golden[] =>
    readFileSync(goldenPath!, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Golden)
      .filter((entry) => entry.file === file);
  const model = (file: string): Uint8Array => readFileSync(sharedPath(`${directory}/${file}`)!);

  it.each<Backend>(['webasm', 'cpu'])('writes the text of llama.cpp in F32 on %s', async (backend) => {
    const file = 'stories260K-f32.gguf';
    const baseline = await open(model(file), { backend, context: 128 });
    let same = 0;
    let all = 0;
    for (const { promptIds, ids } of golden(file)) {
      const { ids: written } = await baseline.generate(promptIds, { maxTokens: 48 });
      all += written.length;
      same += written.filter((id, i) => id === ids[i]).length;
    }
    expect(all).toBeGreaterThan(90);
    expect(same / all).toBeGreaterThanOrEqual(0.99);
  });

  it('agrees with llama.cpp on the next token with dequantised Q8_0 weights', async () => {
    const file = 'stories260K-q8_0.gguf';
    const baseline = await open(model(file), { context: 64 });
    let same = 0;
    let all = 0;
    for (const { promptIds, ids } of golden(file)) {
      for (let n = 0; n < 34; n += 2) {
        const logits = await baseline.logits([...promptIds, ...ids.slice(0, n)]);
        same += Number(argmax(logits) === ids[n]);
        all++;
      }
    }
    expect(same / all).toBeGreaterThanOrEqual(0.99);
  });

  it('draws the tokens that the runtime draws from the same seed', async () => {
    const path = sharedPath(`${directory}/stories260K-f32.gguf`)!;
    const baseline = await open(readFileSync(path), { context: 64 });
    const sampling = { temperature: 0.9, topK: 20, seed: 11, maxTokens: 32 };
    const mine = await baseline.generate([1, 403], sampling);
    const theirs = await withEngine(path, { workers: 1, kvType: 'f32' }, async (engine) => {
      for await (const chunk of engine.generate([1, 403], sampling)) if (chunk.done) return chunk.ids;
      return [];
    });
    expect(mine.ids).toEqual(theirs);
  });
});

describe('a tiny model', () => {
  const ids = [1, 270, 300, 5, 319, 12, 77];

  it('has the logits of the runtime, however passes are cut', async () => {
    const bytes = tinyModel({ tieWordEmbeddings: false });
    const expected = await withEngine(temporaryFile(bytes), { workers: 1, kvType: 'f32' }, (engine) =>
      engine.logits(ids),
    );
    for (const cut of [
      {},
      { layout: 'columns' },
      { layout: 'columns', tokens: 3, parts: 4 },
      { layout: 'columns', tokens: 32, parts: 8 },
    ] as const) {
      const baseline = await open(bytes, { cut, context: 40 });
      const logits = await baseline.logits(ids);
      let worst = 0;
      for (const [i, logit] of expected.entries()) worst = Math.max(worst, Math.abs(logit - logits[i]!));
      expect(worst).toBeLessThan(1e-4);
    }
  });

  it('counts launches and bytes of every pass', async () => {
    const baseline = await open(tinyModel(), { context: 40 });
    const before = baseline.counters;
    await baseline.generate(ids, { maxTokens: 4, ignoreEos: true });
    const passes = ids.length + 3;
    const { launches } = baseline.step(0);
    expect(baseline.counters.passes - before.passes).toBe(passes);
    expect(baseline.counters.launches - before.launches).toBe(passes * launches);
    let bytes = 0;
    for (let position = 0; position < passes; position++) bytes += baseline.step(position).bytes;
    expect(baseline.counters.bytesMoved - before.bytesMoved).toBe(bytes);
    expect(bytes / passes).toBeGreaterThan(baseline.weightBytes - 4 * 320 * 64);
  });

  it('serves calls one after the other', async () => {
    const baseline = await open(tinyModel(), { context: 40 });
    const alone = await baseline.generate(ids, { maxTokens: 6 });
    const [first, second] = await Promise.all([
      baseline.generate(ids, { maxTokens: 6 }),
      baseline.generate([...ids].reverse(), { maxTokens: 6 }),
    ]);
    expect(first.ids).toEqual(alone.ids);
    expect(second.ids).not.toEqual(alone.ids);
  });

  it('stops at the signal', async () => {
    const baseline = await open(tinyModel(), { context: 40 });
    const { ids: none, finishReason } = await baseline.generate(ids, { signal: AbortSignal.abort() });
    expect(none).toEqual([]);
    expect(finishReason).toBe('cancelled');
  });

  it('ends with the context', async () => {
    const baseline = await open(tinyModel(), { context: 12 });
    const { ids: written, finishReason } = await baseline.generate(ids, { ignoreEos: true });
    expect(written).toHaveLength(12 - ids.length);
    expect(finishReason).toBe('length');
  });

  it('refuses what it cannot do', async () => {
    const baseline = await open(tinyModel(), { context: 12 });
    await expect(baseline.generate([])).rejects.toThrow(OptionError);
    await expect(baseline.generate([320])).rejects.toThrow(OptionError);
    await expect(baseline.generate(new Array<number>(12).fill(5))).rejects.toThrow(OptionError);
    await expect(baseline.generate(ids, { topP: 2 })).rejects.toThrow(OptionError);
    await expect(open(tinyModel(), { context: 1 })).rejects.toThrow(OptionError);
    const long = tinyModel({ context: 300_000 });
    await expect(open(long, { context: 300_000 })).rejects.toThrow(/appendKv.*shorter context/);
    await expect(open(new Uint8Array(100))).rejects.toThrow(FormatError);
    await expect(open(tinyModel({ metadata: { 'general.architecture': 'no-such-family' } }))).rejects.toThrow(
      ModelError,
    );
    await expect(open(tinyModel(), { backend: 'webgpu' })).rejects.toThrow(OptionError);
    await baseline.close();
    await expect(baseline.generate(ids)).rejects.toThrow(EngineError);
  });
});
