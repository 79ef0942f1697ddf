/** Cards: counts against the published ones, reading of config.json, refusal of what is not understood. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countParameters,
  factsOf,
  flopsPerToken,
  kindCounts,
  kvBytes,
  kvBytesPerToken,
  type ModelCard,
  outerWeights,
} from '#models/card.js';
import { cardFromConfig } from '#models/card-config.js';
import { cardFromModel } from '#models/card-model.js';
import { CARD_NAMES } from '#models/card-names.js';
import { modelOf } from '#models/model.js';
import { loadCard } from '#src/platform/node/cards.js';

interface Published {
  readonly totalParameters: number;
  readonly activeParameters?: number;
  readonly activeCounts?: 'all' | 'noEmbedding' | 'noEmbeddingNoHead';
}

function published(name: string): Published | undefined {
  const file = JSON.parse(readFileSync(`models/cards/${name}.json`, 'utf8')) as { published?: Published };
  return file.published;
}

/** `active` by the convention of the publisher. */
function activeBy(card: ModelCard, convention: Published['activeCounts']): number {
  const { active, embedding } = countParameters(card);
  if (convention === 'all') return active + (outerWeights(card).isTied ? 0 : embedding);
  return convention === 'noEmbeddingNoHead' ? active - card.vocabSize * card.hiddenSize : active;
}

describe('packaged cards', () => {
  it('are the files in models/cards', () => {
    expect(readdirSync('models/cards').sort()).toEqual(CARD_NAMES.map((name) => `${name}.json`).sort());
  });

  it.each(CARD_NAMES.filter((name) => published(name)))(
    '%s has the published number of parameters',
    (name) => {
      const card = loadCard(name);
      const { totalParameters, activeParameters, activeCounts } = published(name)!;
      // The report of Kimi K2, whose shape K2.5 has, rounds 1.026 T (its config.json) up to 1.04 T.
      const tolerance = name.startsWith('kimi-k2') ? 0.015 : 0.01;
      expect(Math.abs(countParameters(card).total / totalParameters - 1)).toBeLessThan(tolerance);
      if (activeParameters === undefined) return;
      // "35 B" and "37 B" are rounded to whole billions, which is more than 1 %.
      expect(Math.abs(activeBy(card, activeCounts) / activeParameters - 1)).toBeLessThan(
        Math.max(0.01, 0.5e9 / activeParameters),
      );
    },
  );

  it('say that a guess is one', () => {
    expect(loadCard('codex-spark-like').tag).toBe('guessed');
    expect(loadCard('codex-spark-like').notes.join()).toContain('guess');
  });

  it('know their KV cache', () => {
    // 32 layers x 8 heads x 128 x (K and V) x 2 bytes; 61 layers x (512 + 64) x 2 bytes.
    expect(kvBytesPerToken(loadCard('llama-3.1-8b'), 2)).toBe(131072);
    expect(kvBytesPerToken(loadCard('deepseek-r1'), 2)).toBe(70272);
    // Half of the layers of gpt-oss keep 128 tokens.
    const oss = loadCard('gpt-oss-120b');
    expect(kvBytes(oss, 4096, 2)).toBe(18 * (4096 + 128) * 2 * 8 * 64 * 2);
  });

  it.each([...CARD_NAMES])(
    '%s: parameters are its matrices, each once, and FLOPs are two per active weight',
    (name) => {
      const card = loadCard(name);
      const count = countParameters(card);
      const matrices = kindCounts(card).flatMap(({ kind, count: n }) =>
        factsOf(kind.ops).products.map((m) => ({ m, n })),
      );
      const weights = matrices.reduce((sum, { m, n }) => sum + n * m.stored * m.rows * m.columns, 0);
      expect(count.attention + count.mlp + count.experts).toBe(weights);
      const head = card.vocabSize * card.hiddenSize;
      const used = matrices.reduce((sum, { m, n }) => sum + n * m.active * m.rows * m.columns, head);
      expect(flopsPerToken(card, 'decode', 0)).toBe(2 * used);
      expect(flopsPerToken(card, 'decode', 8192)).toBeGreaterThan(2 * used);
    },
  );
});

const BASE = {
  model_type: 'llama',
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  vocab_size: 100,
};

describe('config.json', () => {
  const read = (config: unknown) => cardFromConfig(config, { name: 'test', source: 'test' });

  it('refuses a field it does not know that could change the shape, and names it', () => {
    expect(() => read({ ...BASE, conv_kernel_size: 4 })).toThrow(/"conv_kernel_size".*got 4/);
    expect(() => read({ ...BASE, linear_num_value_heads: 32 })).toThrow('linear_num_value_heads');
    expect(read({ ...BASE, rms_norm_eps: 1e-5, some_dropout: 0.1, use_cache: true }).hiddenSize).toBe(64);
  });

  it.each([
    [null, 'null'],
    [[], 'an array'],
    [{ ...BASE, hidden_size: 'big' }, 'hidden_size'],
    [{ ...BASE, hidden_size: -1 }, 'hidden_size'],
    [{ ...BASE, hidden_size: 1e300 }, 'hidden_size'],
    [{ ...BASE, num_hidden_layers: 1e7 }, 'num_hidden_layers'],
    [{ ...BASE, num_key_value_heads: 3 }, 'num_key_value_heads'],
    [{ ...BASE, num_attention_heads: 7 }, 'num_attention_heads'],
    [{ ...BASE, num_local_experts: 4, num_experts_per_tok: 5 }, 'num_experts_per_tok'],
    [{ ...BASE, layer_types: ['full_attention'] }, 'layer_types'],
    [{ ...BASE, layer_types: ['full_attention', 'linear_attention'] }, 'linear_num_key_heads'],
    [{ model_type: 'llama' }, 'hidden_size'],
  ])('refuses %j', (config, named) => {
    expect(() => read(config)).toThrow(named);
  });

  it('never throws anything but its own errors', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(...Object.keys(BASE), 'num_experts', 'quantization_config'),
          fc.jsonValue(),
        ),
        (bad) => {
          try {
            read({ ...BASE, ...bad });
          } catch (error) {
            expect((error as Error).name).toMatch(/^(Format|Model)Error$/);
          }
        },
      ),
    );
  });

  it('says so when it takes an unknown family for Llama-like', () => {
    const card = read({ ...BASE, model_type: 'brand_new' });
    expect(card.tag).toBe('guessed');
    expect(card.notes.join()).toContain('brand_new');
  });

  const HF = '../shared/data/hf-configs';
  const TOTALS: Readonly<Record<string, number>> = {
    'Qwen--Qwen3-0.6B.json': 596_049_920,
    'Qwen--Qwen3-8B.json': 8_190_735_360,
    'Qwen--Qwen3-30B-A3B.json': 30_532_122_624,
    'deepseek-ai--DeepSeek-V3.json': 671_026_419_200,
  };
  it.skipIf(!existsSync(HF))(
    'reads published files to the exact number of parameters (needs ../shared/data)',
    () => {
      for (const [file, total] of Object.entries(TOTALS)) {
        expect(countParameters(loadCard(`${HF}/${file}`)).total, file).toBeCloseTo(total, -6);
      }
      for (const file of readdirSync(HF).filter((f) => f.endsWith('.json'))) {
        expect(countParameters(loadCard(`${HF}/${file}`)).total, file).toBeGreaterThan(5e8);
      }
    },
  );
});

describe('GGUF metadata', () => {
  it('gives the same ops as config.json', () => {
    const metadata: Record<string, unknown> = {
      'general.architecture': 'llama',
      'llama.embedding_length': 4096,
      'llama.block_count': 32,
      'llama.feed_forward_length': 14336,
      'llama.attention.head_count': 32,
      'llama.attention.head_count_kv': 8,
      'llama.attention.layer_norm_rms_epsilon': 1e-5,
      'llama.context_length': 131072,
      'llama.vocab_size': 128256,
    };
    const model = modelOf({
      name: 'x.gguf',
      value: (key) => metadata[key],
      shape: (tensor) => (/^output\.weight|ffn_gate\.weight/.test(tensor) ? [128256, 4096] : null),
      tensorCount: 291,
    });
    const card = cardFromModel(model, { head: 6.56, attention: 4.5, mlp: 4.85 }, 'x.gguf');
    const published = loadCard('llama-3.1-8b');
    expect(countParameters(card)).toEqual(countParameters(published));
    const kinds = (one: ModelCard) => one.kinds.map(({ ops }) => ops.map(({ kind }) => kind));
    expect(kinds(card)).toEqual(kinds(published));
    expect(card.layers).toEqual(published.layers);
    expect(card.weightBits).toBe(4);
    expect(card.storedBits).toEqual({ head: 6.56, attention: 4.5, mlp: 4.85, experts: 4.85 });
  });
});
