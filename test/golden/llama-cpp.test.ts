/**
 * Against llama.cpp on a real trained model. The goldens were made with node-llama-cpp 3.22, greedy; the model is
 * stories260K by Andrej Karpathy (MIT).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { endOf, withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';

interface Golden {
  readonly file: string;
  readonly prompt: string;
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
}

const path = sharedPath('models/stories260K/golden-greedy.jsonl');
const goldens: Golden[] =
  path === null
    ? []
    : readFileSync(path, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Golden);
const files = [...new Set(goldens.map(({ file }) => file))];

describe.skipIf(path === null)('stories260K', () => {
  it('has goldens for four files', () => {
    expect(files).toHaveLength(4);
  });

  it.each(files)('%s', async (file) => {
    await withEngine(sharedPath(`models/stories260K/${file}`)!, { workers: 2 }, async (engine) => {
      let agreed = 0;
      let positions = 0;
      for (const golden of goldens.filter((one) => one.file === file)) {
        const end = await endOf(engine.generate(golden.prompt, { maxTokens: golden.ids.length }));
        expect(end.promptIds).toEqual(golden.promptIds);
        if (/f32|f16/.test(file)) expect(end.ids).toEqual(golden.ids);
        const all = [...golden.promptIds, ...golden.ids];
        const { argmax } = await engine.score(all);
        for (let i = golden.promptIds.length - 1; i < all.length - 1; i++) {
          positions++;
          if (argmax[i] === all[i + 1]) agreed++;
        }
      }
      expect(positions).toBeGreaterThan(300);
      expect(agreed / positions).toBeGreaterThanOrEqual(/f32|f16/.test(file) ? 1 : 0.97);
    });
  });
});
