/**
 * Two real models, SmolLM2 and Gemma 3, choose the ids that llama.cpp chooses, where its margin between the first two is above
 * 0.3. Both round activations, differently, so a differing id with a smaller margin ends the comparison of that prompt.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';

interface Golden {
  readonly file: string;
  readonly promptIds: readonly number[];
  readonly ids: readonly number[];
  readonly margins: readonly number[];
}

/** What is rounding. */
const MARGIN = 0.3;

const path = sharedPath('models/real-golden.jsonl');
const goldens = path
  ? readFileSync(path, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Golden)
  : [];
const files = [...new Set(goldens.map(({ file }) => file))];

describe.each(files)('%s', (file) => {
  // As ../shared/models/get-real-models.sh puts it there.
  const model = join(homedir(), '.cache/waferflow-models', file);
  if (!existsSync(model)) process.stderr.write(`skipped: ${model} is not there\n`);

  it.skipIf(!existsSync(model))('chooses the ids of llama.cpp', async () => {
    await withEngine(model, { context: 1024, kvType: 'f32' }, async (engine) => {
      for (const { promptIds, ids, margins } of goldens.filter((golden) => golden.file === file)) {
        const { argmax } = await engine.score([...promptIds, ...ids]);
        const own = argmax.slice(promptIds.length - 1);
        const differs = ids.findIndex((id, i) => own[i] !== id);
        if (differs >= 0)
          expect(margins[differs], `id ${differs} of ${promptIds.join()}`).toBeLessThan(MARGIN);
      }
    });
  });
});
