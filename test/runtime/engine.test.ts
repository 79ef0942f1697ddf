/** What a caller of the engine can rely on, and what it does when things go wrong. */
import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { EngineError, FormatError, ModelError, OptionError } from '#src/core/errors.js';
import { readGguf } from '#src/formats/gguf.js';
import { bytesSource } from '#src/formats/source.js';
import { load } from '#src/index.js';
import type { LoadOptions } from '#src/runtime/types.js';
import { endOf, withEngine } from '../helpers/engine.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const options: LoadOptions = { workers: 2, context: 256 };
const model = (): string => temporaryFile(tinyModel({ weightType: 'Q8_0' }));
const prompt = Array.from({ length: 40 }, (_, i) => 3 + ((i * 37) % 300));
/** Without its end tokens the model goes on for ever. */
const endless = { logitBias: { 1: -1000, 2: -1000 } };

describe('generate', () => {
  it('deltas add up to the last piece', async () => {
    await withEngine(model(), options, async (engine) => {
      const ids: number[] = [];
      let text = '';
      for await (const chunk of engine.generate('hello', { ...endless, maxTokens: 50 })) {
        if (chunk.done) {
          expect(chunk.ids).toEqual(ids);
          expect(chunk.text).toBe(text);
          expect(chunk.finishReason).toBe('length');
          expect(chunk.timings.generatedTokens).toBe(50);
          expect(chunk.timings.ttftMs).toBeGreaterThan(0);
          expect(chunk.timings.decodeTokensPerSecond).toBeGreaterThan(0);
        } else {
          ids.push(...chunk.ids);
          text += chunk.text;
        }
      }
      expect(ids).toHaveLength(50);
    });
  });

  it('the same seed gives the same text, another seed another', async () => {
    await withEngine(model(), options, async (engine) => {
      const run = async (seed: number) =>
        (
          await endOf(
            engine.generate(prompt, { ...endless, temperature: 1.2, topP: 0.95, seed, maxTokens: 40 }),
          )
        ).ids;
      const first = await run(7);
      expect(await run(7)).toEqual(first);
      expect(await run(8)).not.toEqual(first);
    });
  });

  it('a stop string ends the text before itself', async () => {
    await withEngine(model(), options, async (engine) => {
      const whole = await endOf(engine.generate(prompt, { ...endless, maxTokens: 40 }));
      const stop = whole.text.slice(20, 24);
      const end = await endOf(engine.generate(prompt, { ...endless, maxTokens: 40, stop }));
      expect(end.finishReason).toBe('stop');
      expect(end.text).toBe(whole.text.slice(0, whole.text.indexOf(stop)));
      expect(end.ids).toEqual(whole.ids.slice(0, end.ids.length));
    });
  });

  it('calls at once wait their turn and do not mix', async () => {
    await withEngine(model(), options, async (engine) => {
      const alone = await endOf(engine.generate(prompt, { ...endless, maxTokens: 20 }));
      const together = await Promise.all(
        [1, 2, 3].map(() => endOf(engine.generate(prompt, { ...endless, maxTokens: 20 }))),
      );
      for (const end of together) expect(end.ids).toEqual(alone.ids);
    });
  });

  it('the context bounds what is generated', async () => {
    await withEngine(model(), { ...options, context: 64 }, async (engine) => {
      const end = await endOf(engine.generate(prompt, { ...endless, maxTokens: 1000 }));
      expect(end.finishReason).toBe('length');
      expect(end.ids).toHaveLength(64 - prompt.length);
    });
  });
});

describe('cancellation', () => {
  it('ends a generation with what there is', async () => {
    await withEngine(model(), options, async (engine) => {
      const controller = new AbortController();
      let seen = 0;
      for await (const chunk of engine.generate(prompt, {
        ...endless,
        maxTokens: 200,
        signal: controller.signal,
      })) {
        if (chunk.done) {
          expect(chunk.finishReason).toBe('cancelled');
          expect(chunk.ids.length).toBeLessThan(200);
        } else {
          seen += chunk.ids.length;
          controller.abort();
        }
      }
      expect(seen).toBeGreaterThan(0);
      expect((await endOf(engine.generate(prompt, { ...endless, maxTokens: 5 }))).ids).toHaveLength(5);
    });
  });

  it('works before the first token', async () => {
    await withEngine(model(), options, async (engine) => {
      const end = await endOf(engine.generate(prompt, { signal: AbortSignal.abort() }));
      expect(end.finishReason).toBe('cancelled');
      expect(end.ids).toEqual([]);
    });
  });

  it('a consumer that leaves early frees the engine', async () => {
    await withEngine(model(), options, async (engine) => {
      for await (const chunk of engine.generate(prompt, { ...endless, maxTokens: 200 })) {
        expect(chunk.done).toBe(false);
        break;
      }
      expect((await endOf(engine.generate(prompt, { ...endless, maxTokens: 5 }))).ids).toHaveLength(5);
    });
  });

  it('loading stops at the signal and leaves nothing behind', async () => {
    await expect(load(model(), { ...options, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    await expect(load(model(), { ...options, signal: controller.signal, onProgress })).rejects.toThrow(
      /abort/i,
    );
  });
});

describe('score', () => {
  it('agrees with generation and with itself over several windows', async () => {
    const path = model();
    const ids = Array.from({ length: 150 }, (_, i) => 3 + ((i * 37) % 300));
    const whole = await withEngine(path, options, (engine) => engine.score(ids));
    expect(whole.argmax).toHaveLength(150);
    expect(whole.nll).toHaveLength(149);
    expect(whole.nll.every((value) => value > 0 && Number.isFinite(value))).toBe(true);
    const windows = await withEngine(path, { ...options, context: 64 }, (engine) => engine.score(ids));
    expect(windows.argmax.slice(0, 64)).toEqual(whole.argmax.slice(0, 64));
    expect(windows.nll.slice(0, 63)).toEqual(whole.nll.slice(0, 63));
    expect(windows.argmax).toHaveLength(150);
    expect(windows.nll).toHaveLength(149);
  });
});

describe('failures', () => {
  it('a worker that dies fails the generation, and the next one, with a clear error', async () => {
    const threads: Worker[] = [];
    const on = vi.spyOn(Worker.prototype, 'on').mockImplementation(function (this: Worker, ...args) {
      if (!threads.includes(this)) threads.push(this);
      return Worker.prototype.addListener.apply(this, args);
    });
    const engine = await load(model(), { ...options, workers: 3 });
    on.mockRestore();
    const run = endOf(engine.generate(prompt, { ...endless, maxTokens: 200 }));
    await threads[2]!.terminate();
    await expect(run).rejects.toThrow(EngineError);
    await expect(endOf(engine.generate(prompt))).rejects.toThrow(/worker 2/);
    await engine.close();
  });

  it('close ends a running generation, can be called twice, and ends later calls', async () => {
    const engine = await load(model(), options);
    const run = endOf(engine.generate(prompt, { ...endless, maxTokens: 200 }));
    run.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await engine.close();
    await engine.close();
    await expect(run).rejects.toThrow(/close/);
    await expect(endOf(engine.generate(prompt))).rejects.toThrow(/close/);
    await expect(engine.score(prompt)).rejects.toThrow(/close/);
  });

  it('more workers than cores neither hang nor differ', async () => {
    const path = model();
    const expected = await withEngine(path, options, (engine) =>
      endOf(engine.generate(prompt, { maxTokens: 20 })),
    );
    await withEngine(path, { ...options, workers: 9 }, async (engine) => {
      expect((await endOf(engine.generate(prompt, { maxTokens: 20 }))).ids).toEqual(expected.ids);
    });
  });
});

describe('bad input', () => {
  it.each([
    ['workers', { workers: 0 }],
    ['workers', { workers: 1.5 }],
    ['context', { context: -1 }],
    ['context', { context: Number.NaN }],
    ['prefillChunk', { prefillChunk: 0 }],
    ['rectangle width', { rectangle: { width: 0, height: 1 } }],
  ])('option %s %o is refused', async (name, wrong) => {
    await expect(load(model(), { ...options, ...wrong })).rejects.toThrow(OptionError);
    await expect(load(model(), { ...options, ...wrong })).rejects.toThrow(name);
  });

  it('an empty prompt, a prompt longer than the context and foreign ids are refused at once', async () => {
    await withEngine(model(), { ...options, context: 64 }, async (engine) => {
      expect(() => engine.generate([])).toThrow(OptionError);
      expect(() => engine.generate(Array.from({ length: 64 }, () => 5))).toThrow(/64 tokens/);
      expect(() => engine.generate([5, 320])).toThrow(/320/);
      expect(() => engine.generate([-1])).toThrow(OptionError);
      expect(() => engine.generate(prompt, { temperature: Number.NaN })).toThrow(/temperature/);
      await expect(engine.score([])).rejects.toThrow(OptionError);
      await expect(engine.score([1e9])).rejects.toThrow(OptionError);
    });
  });

  it('a file that disagrees with itself is refused before anything is started', async () => {
    const refuse = async (
      metadata: Record<string, string | number>,
      kind: typeof FormatError | typeof ModelError,
    ) => {
      await expect(load(temporaryFile(tinyModel({ metadata })), options)).rejects.toThrow(kind);
    };
    await refuse({ 'general.architecture': 'no-such-family' }, ModelError);
    await refuse({ 'llama.block_count': 1_000_000 }, ModelError);
    await refuse({ 'llama.block_count': 3 }, FormatError);
    await refuse({ 'llama.attention.head_count': 3 }, ModelError);
    await refuse({ 'llama.embedding_length': 32 }, ModelError);
    await refuse({ 'llama.feed_forward_length': 96 }, FormatError);
    await refuse({ 'llama.rope.scaling.type': 'magic' }, FormatError);
    await refuse({ 'llama.rope.scaling.type': 'yarn' }, FormatError);
  });

  it('a context that does not fit into memory is refused with both numbers', async () => {
    const metadata = { 'llama.context_length': 2 ** 30 };
    const path = temporaryFile(tinyModel({ metadata }));
    await expect(load(path, { ...options, context: 2 ** 30 })).rejects.toThrow(/KV cache .* GiB.*4\.00 GiB/);
  });

  it('infinite halves are refused, since the kernels would take them for numbers', async () => {
    const bytes = tinyModel({ weightType: 'F16' });
    const { tensors } = await readGguf(bytesSource(bytes));
    new DataView(bytes.buffer).setUint16(tensors.get('blk.1.ffn_up.weight')!.offset + 200, 0xfc00, true);
    await expect(load(temporaryFile(bytes), options)).rejects.toThrow(/blk\.1\.ffn_up.*infinite/);
  });

  it('a file cut off anywhere is refused', async () => {
    const bytes = tinyModel();
    for (const share of [0, 0.001, 0.2, 0.5, 0.9, 0.9999]) {
      const path = temporaryFile(bytes.slice(0, Math.floor(bytes.length * share)));
      await expect(load(path, options)).rejects.toThrow(FormatError);
    }
  });
});
