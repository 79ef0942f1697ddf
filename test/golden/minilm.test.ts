/** all-MiniLM-L6-v2, fetched by get-minilm.sh, says what transformers says: minilm.jsonl, which minilm.py writes. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withEngine } from '../helpers/engine.js';

interface Golden {
  readonly text: string;
  readonly ids: readonly number[];
  readonly vector: readonly number[];
}

const path = join(homedir(), '.cache/waferflow-models/all-MiniLM-L6-v2');
const goldens = readFileSync(new URL('minilm.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden);

it.skipIf(!existsSync(path))('all-MiniLM-L6-v2 makes the vectors of transformers', async () => {
  await withEngine(path, {}, async (engine) => {
    expect(engine.info.embedding).toMatchObject({ dimensions: 384, pooling: 'mean', isOnly: true });
    const { embeddings, tokens } = await engine.embed(goldens.map(({ text }) => text));
    for (const [i, { text, ids, vector }] of goldens.entries()) {
      expect(engine.tokenizer.encode(text), text).toEqual(ids);
      expect(tokens[i]).toBe(ids.length);
      const cosine = vector.reduce((sum, value, at) => sum + value * embeddings[i]![at]!, 0);
      expect(cosine, text).toBeGreaterThan(0.99999);
    }
  });
});
