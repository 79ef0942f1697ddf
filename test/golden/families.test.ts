/** Folders of families say what transformers says: families.jsonl, which families.py writes. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { withEngine } from '../helpers/engine.js';
import { smallFolder } from '../helpers/folder.js';
import { seededWeight } from '../helpers/seeded.js';
import { temporaryFolder } from '../helpers/tiny-model.js';

interface Golden {
  readonly config: Readonly<Record<string, unknown>>;
  /** By their stored names, slowest dimension first. */
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  readonly ids: readonly number[];
  /** Of each id after the first. */
  readonly nll: readonly number[];
}

const goldens = readFileSync(new URL('families.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): [string, Golden] => {
    const golden = JSON.parse(line) as Golden;
    return [String(golden.config.model_type), golden];
  });

function write({ config, tensors }: Golden): string {
  const path = temporaryFolder();
  const header: Record<string, unknown> = {};
  let at = 0;
  const data = Object.entries(tensors).map(([name, shape]) => {
    const bytes = new Uint8Array(seededWeight(name, shape).buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
    return bytes;
  });
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(join(path, 'model.safetensors'), Buffer.concat([length, text, ...data]));
  writeFileSync(join(path, 'config.json'), JSON.stringify(config));
  writeFileSync(join(path, 'tokenizer.json'), smallFolder()['tokenizer.json']!);
  return path;
}

it.each(goldens)('%s', async (_, golden) => {
  const nll = await withEngine(write(golden), { workers: 2 }, async (engine) => {
    return (await engine.score(golden.ids)).nll;
  });
  const squares = golden.nll.map((value, i) => (value - nll[i]!) ** 2);
  expect(Math.sqrt(squares.reduce((a, b) => a + b, 0) / squares.length)).toBeLessThan(1e-3);
});
