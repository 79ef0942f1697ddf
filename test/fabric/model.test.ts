/** A whole model on the fabric and on the runtime, from one plan: the same logits bit for bit. */
import { describe, expect, it, vi } from 'vitest';
import { Lines } from '#src/fabric/model/lines.js';
import { plain } from '#src/machine/types.js';
import { findWafer } from '#src/machine/wafers.js';
import type { RectangleSize } from '#src/placement/place.js';
import { resolveModel } from '#src/platform/node/models.js';
import { decodeOpCycles } from '#src/timing/wafer/op-cycles.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { fabricModel, ROOMY } from '../helpers/fabric-model.js';
import { sharedPath } from '../helpers/shared.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

async function compare(
  path: string,
  rectangle: RectangleSize,
  ids: readonly number[],
  checked: readonly number[],
  machine = findWafer('desk'),
) {
  const { model } = await fabricModel(path, rectangle, ids.length, machine);
  await withEngine(path, { rectangle, workers: 1 }, async (engine) => {
    for (const [i, id] of ids.entries()) {
      const { logits, run } = model.step(id);
      expect(run.cycles).toBeGreaterThan(0);
      if (!checked.includes(i)) continue;
      const wanted = await engine.logits(ids.slice(0, i + 1));
      expect(bitsOf(logits), `token ${i}`).toEqual(bitsOf(wanted));
    }
  });
}

describe.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const)('a tiny model in %s', (weightType) => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 5],
    [4, 3],
  ])('has the same bits on the fabric and on the runtime, %i x %i PEs', async (width, height) => {
    const path = temporaryFile(tinyModel({ weightType }));
    await compare(path, { width, height }, [1, 37, 5, 260, 5, 99, 7], [0, 3, 6], ROOMY);
  });

  it.each([
    [1, 1],
    [3, 2],
  ])('with an output head of its own has the same bits, %i x %i PEs', async (width, height) => {
    const path = temporaryFile(tinyModel({ weightType, tieWordEmbeddings: false }));
    await compare(path, { width, height }, [1, 37, 5], [0, 2], ROOMY);
  });

  it('that does not fit says which PE, what it needs and what there is', async () => {
    const path = temporaryFile(tinyModel({ weightType }));
    await expect(fabricModel(path, { width: 1, height: 1 }, 8, findWafer('desk'))).rejects.toThrow(
      /SRAM of PE \(0, 0\).*token_embd.*at most the 49152 B/,
    );
  });
});

it.each([
  [1, 1],
  [2, 2],
])('a context of more than a page of the runtime has the same bits, %i x %i PEs', async (width, height) => {
  const path = temporaryFile(tinyModel({ weightType: 'F32' }));
  const ids = Array.from({ length: 40 }, (_, i) => 3 + ((i * 53) % 250));
  await compare(path, { width, height }, ids, [31, 32, 39], ROOMY);
});

const stories = sharedPath('models/stories260K/stories260K-f16.gguf');

describe.skipIf(stories === null)('stories260K', () => {
  it.each([
    [4, 4],
    [3, 7],
  ])('32 tokens on %i x %i PEs: the logits of the runtime, bit for bit', async (width, height) => {
    const ids = [1, 403, 407, 261, 378, 432, 268, 257, 380, 4, 400, 383, 278, 286, 261, 391];
    await compare(stories!, { width, height }, [...ids, ...ids.slice(1), 2], [0, 1, 8, 15, 24, 31]);
  });
});

describe('the embedded model', () => {
  it('2 tokens on 20 x 20 PEs: the logits of the runtime, bit for bit', async () => {
    await compare(resolveModel(), { width: 20, height: 20 }, [1, 300], [0, 1]);
  });
});

it('sums as often as the timing model charges for', async () => {
  const fold = vi.spyOn(Lines.prototype, 'fold');
  for (const [width, height] of [
    [2, 2],
    [3, 5],
    [1, 4],
  ] as const) {
    const path = temporaryFile(tinyModel({}));
    const { model, plan } = await fabricModel(path, { width, height }, 8, ROOMY);
    fold.mockClear();
    model.step(1);
    // Hand-overs and the row of the token join what lies apart, bit by bit; they add nothing up.
    const sums = fold.mock.calls.filter(
      ([pe, reduce, , , how]) => pe.at.x === 0 && pe.at.y === 0 && reduce.parts > 1 && how !== 'or',
    );
    const step = { kind: null, context: 1, batch: 1, wafer: plain(ROOMY.facts) };
    const charged = plan.ops
      .flatMap((op) => decodeOpCycles({ op, grid: { width, height }, blocks: 1 }, step))
      .filter(({ hops }) => hops > 0);
    expect(sums).toHaveLength(charged.length);
    expect(charged.length).toBeGreaterThan(4);
  }
  fold.mockRestore();
});
