/** Placement of cards on wafers: every weight once, every budget adds up, limits are limits. */
import { describe, expect, it } from 'vitest';
import { countParameters, factsOf, type LayerKind, type ModelCard } from '#models/card.js';
import { cardFromConfig } from '#models/card-config.js';
import { CARD_NAMES } from '#models/card-names.js';
import { plain } from '#src/machine/types.js';
import { findWafer } from '#src/machine/wafers.js';
import { placeOps } from '#src/placement/place.js';
import { gridsFor, placeOnWafers, regionsOn, usersThatFit, wafersNeeded } from '#src/placement/wafer.js';
import { placeLayer, plainShape, type WaferOp } from '#src/placement/wafer-ops.js';
import { loadCard } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';
import { decodeOpCycles } from '#src/timing/wafer/op-cycles.js';

const wse3 = findWafer('wse-3');
const SQUARE = { width: 377, height: 377 };
const OPTIONS = { weightBits: 16, kvBits: 16, users: 2, context: 2048 };

describe('placeOnWafers', () => {
  it.each(CARD_NAMES.filter((name) => loadCard(name).quantized === 'linear'))(
    '%s: every weight lies in one region',
    (name) => {
      const card = loadCard(name);
      const side = { width: 755, height: 1170 };
      const wafers = wafersNeeded(card, wse3, side, OPTIONS);
      const plan = placeOnWafers(card, wse3, side, wafers, OPTIONS);
      const bytes = plan.regions.reduce((sum, region) => sum + region.weightBytes, 0);
      expect(bytes).toBe(2 * countParameters(card).total);
      const layers = plan.regions.flatMap((r) =>
        Array.from({ length: r.lastLayer - r.firstLayer + 1 }, (_, i) => r.firstLayer + i),
      );
      expect(layers).toEqual(card.layers.map((_, i) => i));
      expect(plan.regions.filter((r) => r.head)).toHaveLength(1);
      expect(plan.regions.filter((r) => r.embedding)).toHaveLength(1);
      for (const region of plan.regions) {
        const { weights, kv, buffers, code, free } = region.budget;
        expect(weights + kv + buffers + code + free).toBe(48 * 1024);
        expect(free).toBeGreaterThanOrEqual(-2);
        expect(region.layers.reduce((sum, l) => sum + l.count, 0)).toBe(
          region.lastLayer - region.firstLayer + 1,
        );
      }
    },
  );

  it('regions do not overlap and lie on the wafer', () => {
    const card = loadCard('llama-3.1-8b');
    const plan = placeOnWafers(card, wse3, { width: 300, height: 300 }, 1, OPTIONS);
    const { columns, rows } = regionsOn(wse3, { width: 300, height: 300 });
    expect(columns * rows).toBe(2 * 3);
    const corners = new Set(plan.regions.map((r) => `${r.wafer} ${r.rect.x} ${r.rect.y}`));
    expect(corners.size).toBe(plan.regions.length);
    for (const { rect } of plan.regions) {
      expect(rect.x % 300).toBe(0);
      expect(rect.x + rect.width).toBeLessThanOrEqual(wse3.facts.usableColumns.value);
      expect(rect.y + rect.height).toBeLessThanOrEqual(wse3.facts.usableRows.value);
    }
  });

  it('holds as many users as it says and not one more', () => {
    const card = loadCard('llama-3.1-8b');
    const users = usersThatFit(card, wse3, SQUARE, 1, OPTIONS);
    expect(users).toBeGreaterThan(1);
    expect(() => placeOnWafers(card, wse3, SQUARE, 1, { ...OPTIONS, users })).not.toThrow();
    expect(() => placeOnWafers(card, wse3, SQUARE, 1, { ...OPTIONS, users: users + 1 })).toThrow(
      /too much|regions/,
    );
  });

  it('a 20 B model fits one CS-3 and a 70 B model "as few as four" in 16 bits, as the vendor says', () => {
    const needed = (name: string, weightBits: number): number =>
      Math.min(
        ...gridsFor(wse3).map((grid) =>
          wafersNeeded(loadCard(name), wse3, grid, { ...OPTIONS, weightBits, users: 1 }),
        ),
      );
    expect(needed('gpt-oss-20b', 4)).toBe(1);
    expect(needed('llama-3.1-70b', 16)).toBe(4);
  });
});

/** What a layer's ops cost in one step of one token, as reductions. */
const costed = (ops: readonly WaferOp[], kind: LayerKind) =>
  ops.flatMap((op) => decodeOpCycles(op, { kind, context: 512, batch: 1, wafer: plain(wse3.facts) }));
const all = (names: readonly string[]): [string, ModelCard][] => names.map((name) => [name, loadCard(name)]);

describe('placeLayer', () => {
  const llama = loadCard('llama-3.1-8b');

  it('a plain Llama layer ends in exactly ten all-reduces, alternating axes for its products', () => {
    const ops = placeLayer(llama, llama.kinds[0]!, plainShape({ width: 420, height: 420 }));
    const costs = costed(ops, llama.kinds[0]!);
    expect(costs.map(({ op, axis }) => `${op} ${axis}`)).toEqual([
      'norm y',
      'qkv y',
      'score x',
      'softmax max y',
      'softmax sum y',
      'weighted sum y',
      'o x',
      'norm y',
      'gateUp y',
      'down x',
    ]);
  });

  it('fused, six remain, and a head sums its scores over its own columns', () => {
    const grid = { width: 420, height: 420 };
    const ops = placeLayer(llama, llama.kinds[0]!, { ...plainShape(grid), fused: true });
    const names = costed(ops, llama.kinds[0]!).map(({ op }) => op);
    expect(names).toEqual(['qkv', 'score', 'weighted sum', 'o', 'gateUp', 'down']);
    const placed = ops.flatMap((each) => ('op' in each ? [each.op] : []));
    const attention = placed.find((op) => op.kind === 'attention');
    expect(attention).toMatchObject({ scores: { parts: Math.ceil(420 / 32) }, softmax: 0 });
    expect(placed.flatMap((op) => ('riders' in op ? [op.riders] : []))).toEqual([1, 0, 1, 0]);
  });

  it('a norm that no product reads is a reduction of its own, one of heads rides on their scores', () => {
    const gemma = cardFromConfig({ model_type: 'gemma3_text' }, { name: 'gemma', source: 'test' });
    const shape = { ...plainShape({ width: 420, height: 420 }), fused: true };
    const ops = placeLayer(gemma, gemma.kinds[0]!, shape);
    expect(costed(ops, gemma.kinds[0]!).filter(({ op }) => op === 'norm')).toHaveLength(2);
    const attention = ops.find((each) => 'op' in each && each.op.kind === 'attention');
    expect(attention).toMatchObject({ op: { scoreRiders: 2 } });
  });

  it('beside experts, attention, router and shared experts may lie on a block, reached and left once', () => {
    const card = loadCard('glm-4.7');
    const grid = { width: 700, height: 700 };
    const attention = { width: 256, height: 256 };
    const kind = card.kinds.find(({ ops }) => factsOf(ops).experts)!;
    const ops = placeLayer(card, kind, { grid, attention, expertBlocks: 2, fused: true });
    const onBlock = costed(
      ops.filter((op) => op.grid === attention),
      kind,
    ).map(({ op }) => op);
    expect(onBlock).toEqual(['qkv', 'score', 'weighted sum', 'o', 'router', 'gateUp', 'down']);
    expect(ops.filter((op) => 'exchange' in op && op.exchange === 'block hand-over')).toHaveLength(2);
  });

  it.each(all(CARD_NAMES))(
    '%s: on every grid products are cut and summed as those are that run',
    (_, card) => {
      for (const grid of gridsFor(wse3)) {
        const executed = {
          blockElements: () => 1,
          heads: 'whole',
          fused: false,
          rectangleOf: () => grid,
        } as const;
        for (const kind of card.kinds) {
          const run = placeOps(kind.ops, executed).ops;
          const planned = placeLayer(card, kind, plainShape(grid));
          expect(planned).toHaveLength(run.length);
          for (const [i, op] of run.entries()) {
            if (op.kind === 'linear' || op.kind === 'expertLinear') expect(planned[i]).toMatchObject({ op });
          }
        }
      }
    },
  );

  it.each(all(['llama-3.1-8b', 'gpt-oss-20b', 'deepseek-r1', 'glm-4.7']))(
    '%s: what a plan costs is what lies in its regions',
    (_, card) => {
      const request = { promptTokens: 512, outputTokens: 64, concurrency: 1 };
      const { plan: placed, decode } = plan(card, wse3, request);
      const { regions, users, regionCount } = placed!;
      const step = { context: 544, batch: Math.max(1, users / regionCount), wafer: plain(wse3.facts) };
      const cycles = regions
        .flatMap(({ layers, headOps }) => [
          ...layers.flatMap(({ kind, count, ops }) =>
            ops.flatMap((op) => decodeOpCycles(op, { ...step, kind }).map((cost) => ({ ...cost, count }))),
          ),
          ...headOps.flatMap((op) =>
            decodeOpCycles(op, { ...step, kind: null }).map((cost) => ({ ...cost, count: 1 })),
          ),
        ])
        .reduce((sum, c) => sum + c.count * (c.computeCycles + c.fabricCycles + c.latencyCycles), 0);
      const others = /region hand-over|wafer crossing|sampling and control/;
      const seconds = decode.ops.reduce((sum, { op, seconds: s }) => sum + (others.test(op) ? 0 : s), 0);
      expect(cycles / wse3.facts.clockHz.value / seconds).toBeCloseTo(1, 9);
    },
  );
});
