/** The folders of ../shared's zoo: each says what transformers says, read as it lies and as the GGUF file that it becomes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';

interface Golden {
  readonly ids: readonly number[];
  readonly nll: readonly number[];
  readonly argmax: readonly number[];
  readonly margin: readonly number[];
}

const zoo = sharedPath('models/zoo/folders');

describe.skipIf(zoo === null)('the zoo of folders', () => {
  it.each(zoo ? readdirSync(zoo) : [])('%s', async (name) => {
    const path = join(zoo!, name);
    const golden = JSON.parse(readFileSync(join(path, 'golden.json'), 'utf8')) as Golden;
    await withEngine(path, { workers: 1 }, async (engine) => {
      const { argmax, nll } = await engine.score(golden.ids);
      const wrong = golden.argmax.filter((id, i) => golden.margin[i]! > 0.01 && argmax[i] !== id);
      expect(wrong, 'ids').toEqual([]);
      const off = golden.nll.reduce((sum, x, i) => sum + (x - nll[i]!) ** 2, 0) / golden.nll.length;
      expect(Math.sqrt(off), 'surprise').toBeLessThan(2e-3);
    });
  });
});
