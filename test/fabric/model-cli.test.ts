/** `waferflow fabric model`: the tokens that the runtime chooses, and a cost for every op of the plan. */
import { expect, it } from 'vitest';
import { waferflow } from '../cli/cli.js';
import { withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';

const stories = sharedPath('models/stories260K/stories260K-f16.gguf');

it.skipIf(stories === null)(
  'continues a prompt as the runtime does, and says what each op costs',
  async () => {
    const prompt = 'Once upon';
    const ran = await waferflow([
      ...['fabric', 'model', stories!, prompt, '--pes', '4x4'],
      ...['--tokens', '3', '--json'],
    ]);
    expect([ran.code, ran.stderr]).toEqual([0, '']);
    const report = JSON.parse(ran.stdout) as {
      ids: number[];
      steps: number;
      cycles: number;
      ops: { op: string; times: number; cycles: number }[];
    };
    await withEngine(stories!, { rectangle: { width: 4, height: 4 }, workers: 1 }, async (engine) => {
      const ids = [...engine.tokenizer.encode(prompt)];
      for (const id of report.ids) {
        const logits = await engine.logits(ids);
        expect(id).toBe(logits.indexOf(Math.max(...logits)));
        ids.push(id);
      }
    });
    expect(report.ops.reduce((sum, { cycles }) => sum + cycles, 0)).toBe(report.cycles);
    expect(report.ops.map(({ op }) => op)).toContain('linear ffn_down');
  },
);

it.each([
  [['fabric', 'model', 'missing.gguf', 'x'], 1, /missing\.gguf/],
  [['fabric', 'model', 'glint', 'x', '--pes', '2x2'], 1, /SRAM of PE/],
])('%j is refused in one sentence', async (args, code, message) => {
  const ran = await waferflow(args);
  expect([ran.code, ran.stdout]).toEqual([code, '']);
  expect(ran.stderr).toMatch(message);
});
