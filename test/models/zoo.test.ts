/** The zoo of ../shared: every model of an architecture that is known says what its reference says, interpreter and runtime alike. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '#models/architectures/index.js';
import { interpret } from '#models/interpreter/index.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { readTensors } from '#src/formats/model-weights.js';
import { bytesSource } from '#src/formats/source.js';
import { withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';
import { temporaryFile } from '../helpers/tiny-model.js';

interface Golden {
  readonly ids: readonly number[];
  readonly nll: readonly number[];
  readonly argmax: readonly number[];
  readonly margin: readonly number[];
}

const zoo = sharedPath('models/zoo');
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const names = zoo
  ? readdirSync(join(zoo, 'gguf'))
      .filter((file) => file.endsWith('.golden.json'))
      .map((file) => file.replace('.golden.json', ''))
      .filter((name) => {
        const { architecture } = json(join(zoo, 'gguf', `${name}.json`)) as { architecture: string };
        return ARCHITECTURES.has(architecture);
      })
  : [];

/** Root mean square of how far surprises of the next ids are off. */
function offOf(golden: Golden, nll: readonly number[]): number {
  return Math.sqrt(golden.nll.reduce((sum, x, i) => sum + (x - nll[i]!) ** 2, 0) / golden.nll.length);
}

/** Surprises of the ids after each position. */
function surprises(logits: readonly Float64Array[], ids: readonly number[]): number[] {
  return ids.slice(1).map((id, i) => {
    const row = logits[i]!;
    const top = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    return top + Math.log(row.reduce((sum, x) => sum + Math.exp(x - top), 0)) - row[id]!;
  });
}

describe.skipIf(zoo === null)('the zoo', () => {
  it.each(names)('%s', async (name) => {
    const { writeModel } = (await import(pathToFileURL(join(zoo!, 'write.mjs')).href)) as {
      writeModel: (description: unknown, path: string) => void;
    };
    const path = temporaryFile(new Uint8Array());
    writeModel(json(join(zoo!, 'gguf', `${name}.json`)), path);
    const golden = json(join(zoo!, 'gguf', `${name}.golden.json`)) as Golden;
    const file = await readGguf(bytesSource(new Uint8Array(readFileSync(path))));
    const { model, tensors } = readModel(file);
    const logits = interpret(model.ops, await readTensors(file, tensors), golden.ids);
    // llama.cpp looks GELU up in a table of halves.
    const isRounded = model.ops.some((op) => op.kind === 'activation' && op.act.name.startsWith('gelu'));
    const off = offOf(golden, surprises(logits, golden.ids));
    expect(off, 'interpreter').toBeLessThan(isRounded ? 2e-3 : 5e-4);
    await withEngine(path, { workers: 1, kvType: 'f32' }, async (engine) => {
      const { argmax, nll } = await engine.score(golden.ids);
      const wrong = golden.argmax.filter((id, i) => golden.margin[i]! > 0.01 && argmax[i] !== id);
      expect(wrong, 'ids').toEqual([]);
      expect(offOf(golden, [...nll]), 'runtime').toBeLessThan(2e-3);
    });
  });
});
