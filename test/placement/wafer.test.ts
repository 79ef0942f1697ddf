/** Placement of cards on wafers: every weight once, every budget adds up, limits are limits. */
import { describe, expect, it } from 'vitest';
import { countParameters } from '#models/card.js';
import { CARD_NAMES } from '#models/card-file.js';
import { modelOf } from '#models/model.js';
import { findWafer } from '#src/machine/wafers.js';
import { placeOnRectangle } from '#src/placement/place.js';
import { gridsFor, placeOnWafers, regionsOn, usersThatFit, wafersNeeded } from '#src/placement/wafer.js';
import { placeLayer, plainShape } from '#src/placement/wafer-ops.js';
import { loadCard } from '#src/platform/node/cards.js';

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

describe('placeLayer', () => {
  it('a plain Llama layer ends in exactly ten all-reduces, alternating axes for its products', () => {
    const card = loadCard('llama-3.1-8b');
    const ops = placeLayer(card, card.kinds[0]!, plainShape({ width: 420, height: 420 }));
    expect(ops).toHaveLength(10);
    const products = ops.filter((op) => op.kind === 'matmul');
    expect(products.map((op) => [op.name, op.reduce.axis])).toEqual([
      ['qkv', 'y'],
      ['o', 'x'],
      ['gateUp', 'y'],
      ['down', 'x'],
    ]);
    for (const op of products) expect(op.rows.axis).not.toBe(op.columns.axis);
  });

  it('fused, six remain, and a head sums its scores over its own columns', () => {
    const card = loadCard('llama-3.1-8b');
    const grid = { width: 420, height: 420 };
    const ops = placeLayer(card, card.kinds[0]!, { ...plainShape(grid), fused: true });
    expect(ops.map((op) => op.name)).toEqual(['qkv', 'score', 'weighted sum', 'o', 'gateUp', 'down']);
    expect(ops.map((op) => op.reduce.parts)).toEqual([420, Math.ceil(420 / 32), 420, 420, 420, 420]);
    expect(ops.map((op) => ('riders' in op ? op.riders : 0))).toEqual([1, 0, 2, 0, 1, 0]);
  });

  it('beside experts, attention, router and shared experts may lie on a block, reached and left once', () => {
    const card = loadCard('glm-4.7');
    const grid = { width: 700, height: 700 };
    const attention = { width: 256, height: 256 };
    const kind = card.kinds.find(({ mlp }) => mlp.kind === 'moe')!;
    const ops = placeLayer(card, kind, { grid, attention, expertBlocks: 2, fused: true });
    const onBlock = ops.filter((op) => op.grid === attention).map((op) => op.name);
    expect(onBlock).toEqual(['qkv', 'score', 'weighted sum', 'o', 'router', 'gateUp', 'down']);
    expect(ops.filter((op) => op.name === 'block hand-over')).toHaveLength(2);
  });

  it.each([360, 420, 480, 540, 600, 660, 720])(
    'cuts and reduces its products as the plan that the runtime and the fabric execute, %i PEs a side',
    (side) => {
      const grid = { width: side, height: side };
      const sizes: Readonly<Record<string, unknown>> = {
        'general.architecture': 'llama',
        'llama.embedding_length': 4096,
        'llama.feed_forward_length': 14336,
        'llama.block_count': 1,
        'llama.attention.head_count': 32,
        'llama.attention.head_count_kv': 8,
        'llama.attention.layer_norm_rms_epsilon': 1e-5,
        'llama.vocab_size': 128256,
        'llama.context_length': 8192,
      };
      const model = modelOf({
        name: 'llama-3.1-8b',
        value: (key) => sizes[key],
        shape: (name) => (/output.weight|ffn_gate\.weight/.test(name) ? [128256, 4096] : null),
        tensorCount: 12,
      });
      const executed = placeOnRectangle(model, grid, () => 1).ops;
      const products: Readonly<Record<string, string>> = {
        qkv: 'attn_q',
        o: 'attn_output',
        gateUp: 'ffn_gate',
        down: 'ffn_down',
      };
      const card = loadCard('llama-3.1-8b');
      for (const op of placeLayer(card, card.kinds[0]!, plainShape(grid))) {
        if (op.kind !== 'matmul') continue;
        const weight = `blk.0.${products[op.name]}.weight`;
        const same = executed.find((each) => each.kind === 'linear' && each.weights[0]!.name === weight);
        if (same?.kind !== 'linear') throw new Error(`no ${op.name} in the plan`);
        expect(same.reduce).toEqual(op.reduce);
        expect(same.columns).toEqual(op.columns);
        expect(new Set(same.rows.map((rows) => rows.axis))).toEqual(new Set([op.rows.axis]));
        expect(same.rows.reduce((sum, rows) => sum + rows.extent, 0)).toBe(op.rows.extent);
      }
    },
  );
});
