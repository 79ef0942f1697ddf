/**
 * Places a card on wafers: layers in regions, regions in rows on a wafer, wafers in a pipeline that is cut
 * at layer boundaries. Every weight lies in exactly one PE's SRAM; the KV cache lies with the layer it serves.
 */

import { factsOf, keptBytes, type LayerKind, type ModelCard, outerWeights } from '../../models/card.js';
import { productBits, storedBits } from '../../models/card-bits.js';
import type { Product } from '../../models/products.js';
import { ModelError, OptionError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import type { WaferMachine } from '../machine/wafers.js';
import type { Rect } from './plan.js';
import { type Grid, inBlock, type PlacedLayers, placeLayers, type WaferOp } from './wafer-ops.js';

/** What the SRAM of a region's fullest PE holds, in bytes; the parts add up to all of it. */
export interface PeBudget {
  readonly weights: number;
  readonly kv: number;
  readonly buffers: number;
  readonly code: number;
  readonly free: number;
}

/** A run of layers on a grid of PEs. `lastLayer` is below `firstLayer` where only embedding or head lie there. */
export interface WaferRegion {
  readonly wafer: number;
  readonly rect: Rect;
  readonly firstLayer: number;
  readonly lastLayer: number;
  readonly embedding: boolean;
  readonly head: boolean;
  /** The ops of each layer kind in this region, with how many layers have it. */
  readonly layers: readonly {
    readonly kind: LayerKind;
    readonly count: number;
    readonly ops: readonly WaferOp[];
  }[];
  readonly headOps: readonly WaferOp[];
  readonly weightBytes: number;
  readonly kvBytesPerUser: number;
  readonly budget: PeBudget;
}

export interface WaferPlan extends WaferLayout {
  readonly card: ModelCard;
  readonly machine: string;
  readonly regionsPerWafer: number;
  readonly regions: readonly WaferRegion[];
  readonly users: number;
  readonly context: number;
}

export interface WaferPlacementOptions {
  readonly weightBits: number;
  readonly kvBits: number;
  /** Sequences whose cache must fit at once, of `context` tokens each. */
  readonly users: number;
  readonly context: number;
}

interface Item {
  /** -1: embedding, -2: head, otherwise the layer. */
  readonly layer: number;
  readonly weights: number;
  /** Of the weights, those that would lie in a block of attention. */
  readonly attention: number;
  readonly kvPerUser: number;
}

/** Grids that a search tries: squares in even steps and those of published kernels, and even shares of the wafer. */
export function gridsFor(machine: WaferMachine): Grid[] {
  const { usableColumns, usableRows } = machine.facts;
  const largest = Math.min(usableColumns.value, usableRows.value);
  const grids = new Map<string, Grid>();
  const add = (width: number, height: number): void => {
    if (Math.min(width, height) >= 8 && width <= usableColumns.value && height <= usableRows.value) {
      grids.set(`${width} ${height}`, { width, height });
    }
  };
  for (const side of [360, 420, 480, 540, 600, 660, 720]) add(side, side);
  for (let side = 30; side <= largest; side += 30) add(side, side);
  for (let columns = 1; columns <= 6; columns++) {
    for (const rows of [
      columns,
      columns + 1,
      Math.round((columns * usableRows.value) / usableColumns.value),
    ]) {
      add(Math.floor(usableColumns.value / columns), Math.floor(usableRows.value / rows));
    }
  }
  return [...grids.values()];
}

/** How a wafer's usable rectangle is divided into grids. */
export function regionsOn(machine: WaferMachine, grid: Grid): { columns: number; rows: number } {
  return {
    columns: Math.floor(machine.facts.usableColumns.value / grid.width),
    rows: Math.floor(machine.facts.usableRows.value / grid.height),
  };
}

function bytesOf(card: ModelCard, products: readonly Product[], weightBits: number): number {
  return products.reduce(
    (sum, m) => sum + (m.rows * m.columns * m.stored * productBits(card, m, weightBits)) / 8,
    0,
  );
}

/** Stored bytes of a layer's weights, and of those that lie in a block of attention. */
function layerBytes(
  card: ModelCard,
  { ops, isAgain }: LayerKind,
  weightBits: number,
): { weights: number; attention: number } {
  if (isAgain) return { weights: 0, attention: 0 };
  const { products, vectors } = factsOf(ops);
  return {
    weights: vectors.stored * 2 + bytesOf(card, products, weightBits),
    attention: bytesOf(
      card,
      products.filter((product) => inBlock(card, product)),
      weightBits,
    ),
  };
}

function itemsOf(card: ModelCard, options: WaferPlacementOptions): Item[] {
  const headBytes = storedBits(card, options.weightBits).head / 8;
  const { tokens, positions, head, isTied, vectorsBefore, vectorsAfter } = outerWeights(card);
  const perKind = card.kinds.map((kind) => ({
    ...layerBytes(card, kind, options.weightBits),
    // A sparse indexer still needs the whole cache; a window keeps its own length only.
    kvPerUser: keptBytes(kind, options.context, options.kvBits / 8),
  }));
  // A tied table is the head's matrix and lies with it.
  const [first, last] = isTied ? [positions, tokens + head] : [tokens + positions, head];
  return [
    { layer: -1, weights: first * headBytes + vectorsBefore * 2, attention: 0, kvPerUser: 0 },
    ...card.layers.map((kind, layer) => ({ layer, ...perKind[kind]! })),
    { layer: -2, weights: last * headBytes + vectorsAfter * 2, attention: 0, kvPerUser: 0 },
  ];
}

/** Activation tiles of a decode step: the widest product's input and output, each twice. */
function bufferBytes(card: ModelCard, grid: Grid): number {
  const side = Math.min(grid.width, grid.height);
  let widest = 0;
  for (const { rows } of factsOf(card.after).products) widest = Math.max(widest, Math.ceil(rows / side));
  for (const { ops } of card.kinds) {
    for (const m of factsOf(ops).products)
      widest = Math.max(widest, Math.ceil((m.rows * m.active) / side) + Math.ceil(m.columns / side));
  }
  return 2 * 2 * widest;
}

/** Fills regions in order; null when an item is larger than a region or the regions are used up. */
function fill(items: readonly Item[], users: number, capacity: number, regions: number): Item[][] | null {
  const filled: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const bytes = item.weights + users * item.kvPerUser;
    if (bytes > capacity) return null;
    if (bytes > room || filled.length === 0) {
      if (filled.length === regions) return null;
      filled.push([]);
      room = capacity;
    }
    filled.at(-1)!.push(item);
    room -= bytes;
  }
  return filled;
}

function capacityOf(card: ModelCard, machine: WaferMachine, grid: Grid): number {
  const perPe =
    machine.facts.sramBytesPerPe.value - machine.facts.reservedBytesPerPe.value - bufferBytes(card, grid);
  return perPe * grid.width * grid.height;
}

/** The fewest wafers on which grids of this size hold the card; Infinity when a layer is larger than a grid. */
export function wafersNeeded(
  card: ModelCard,
  machine: WaferMachine,
  grid: Grid,
  options: WaferPlacementOptions,
): number {
  const { columns, rows } = regionsOn(machine, grid);
  if (columns * rows === 0) return Infinity;
  const filled = fill(itemsOf(card, options), options.users, capacityOf(card, machine, grid), Infinity);
  return filled ? Math.ceil(filled.length / (columns * rows)) : Infinity;
}

/** How a card lies on wafers, but for which layers lie in which region: cheap enough for a search. */
export interface WaferLayout {
  readonly placed: PlacedLayers;
  readonly grid: Grid;
  readonly wafers: number;
  readonly regionCount: number;
  /** Layers of the region that has most of them. */
  readonly mostLayers: number;
  /** Blocks per side of a region to which experts are dealt; 1: every expert lies on all of it. */
  readonly expertBlocks: number;
  /** PEs of a region that attention lies on: all of them, or a block. */
  readonly attention: Grid;
  /** Bytes that this block has to hold: projections and cache of the region that has most. */
  readonly attentionBytes: number;
  readonly weightBits: number;
}

/** Sides of blocks of attention that a search tries, if they hold it. */
const BLOCK_SIDES = [96, 128, 192, 256, 320, 400, 512];

/** The blocks of a layout's regions on which attention can lie, all of the region among them. */
export function attentionBlocks(card: ModelCard, machine: WaferMachine, layout: WaferLayout): Grid[] {
  const { grid, attentionBytes: bytes } = layout;
  const smaller = BLOCK_SIDES.filter((side) => side < Math.min(grid.width, grid.height))
    .map((side) => ({ width: side, height: side }))
    .filter((block) => capacityOf(card, machine, block) >= bytes);
  return [grid, ...smaller];
}

/** The part of a layout that says where a region's experts and attention lie, with its ops placed there. */
export function shaped(
  card: ModelCard,
  grid: Grid,
  expertBlocks: number,
  attention: Grid,
): Pick<WaferLayout, 'placed' | 'expertBlocks' | 'attention'> {
  const placed = placeLayers(card, { grid, attention, expertBlocks, fused: true });
  return { placed, expertBlocks, attention };
}

function mostAttention(filled: readonly (readonly Item[])[], users: number): number {
  const of = (held: readonly Item[]): number =>
    held.reduce((sum, item) => sum + item.attention + users * item.kvPerUser, 0);
  return Math.max(...filled.map(of));
}

/** How grids of this size would be filled; null when they do not hold the card. */
export function layoutOn(
  card: ModelCard,
  machine: WaferMachine,
  grid: Grid,
  wafers: number,
  options: WaferPlacementOptions,
): WaferLayout | null {
  const { columns, rows } = regionsOn(machine, grid);
  const regions = columns * rows * wafers;
  const filled = fill(itemsOf(card, options), options.users, capacityOf(card, machine, grid), regions);
  if (!filled) return null;
  const mostLayers = Math.max(...filled.map((held) => held.filter((item) => item.layer >= 0).length));
  return {
    ...shaped(card, grid, 1, grid),
    grid,
    wafers,
    regionCount: filled.length,
    mostLayers,
    attentionBytes: mostAttention(filled, options.users),
    weightBits: options.weightBits,
  };
}

/** The most users whose cache fits beside the weights in grids of this size on `wafers` wafers. */
export function usersThatFit(
  card: ModelCard,
  machine: WaferMachine,
  grid: Grid,
  wafers: number,
  options: WaferPlacementOptions,
): number {
  const { columns, rows } = regionsOn(machine, grid);
  const items = itemsOf(card, options);
  const capacity = capacityOf(card, machine, grid);
  const fits = (users: number): boolean => fill(items, users, capacity, columns * rows * wafers) !== null;
  if (!fits(1)) return 0;
  let low = 1;
  let high = 2;
  while (high < 1 << 20 && fits(high)) [low, high] = [high, high * 2];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * The plan of a card on `wafers` wafers with regions of `grid` PEs.
 *
 * @throws ModelError when it does not fit, with how much is missing and what would do
 */
export function placeOnWafers(
  card: ModelCard,
  machine: WaferMachine,
  grid: Grid,
  wafers: number,
  options: WaferPlacementOptions,
  expertBlocks = 1,
  attention: Grid = grid,
): WaferPlan {
  const { columns, rows } = regionsOn(machine, grid);
  if (columns * rows === 0) throw gridTooLarge(machine, grid);
  const capacity = capacityOf(card, machine, grid);
  const items = itemsOf(card, options);
  const filled = fill(items, options.users, capacity, columns * rows * wafers);
  if (!filled) throw doesNotFit(card, machine, wafers, options);
  const shape = shaped(card, grid, expertBlocks, attention);
  const regions = filled.map((held, index) =>
    region(card, machine, held, index, options, grid, shape.placed),
  );
  return {
    card,
    machine: machine.name,
    grid,
    wafers,
    regionsPerWafer: columns * rows,
    ...shape,
    attentionBytes: mostAttention(filled, options.users),
    regions,
    regionCount: regions.length,
    mostLayers: Math.max(...regions.map((r) => r.lastLayer - r.firstLayer + 1)),
    users: options.users,
    context: options.context,
    weightBits: options.weightBits,
  };
}

function region(
  card: ModelCard,
  machine: WaferMachine,
  held: readonly Item[],
  index: number,
  options: WaferPlacementOptions,
  grid: Grid,
  placed: PlacedLayers,
): WaferRegion {
  const { columns, rows } = regionsOn(machine, grid);
  const onWafer = index % (columns * rows);
  const rect: Rect = {
    x: (onWafer % columns) * grid.width,
    y: Math.floor(onWafer / columns) * grid.height,
    ...grid,
  };
  const layers = held.filter((item) => item.layer >= 0).map((item) => item.layer);
  const kinds = [...new Set(layers.map((layer) => card.layers[layer]!))];
  const weightBytes = held.reduce((sum, item) => sum + item.weights, 0);
  const kvBytesPerUser = held.reduce((sum, item) => sum + item.kvPerUser, 0);
  const pes = grid.width * grid.height;
  const weights = Math.ceil(weightBytes / pes);
  const kv = Math.ceil((kvBytesPerUser * options.users) / pes);
  const buffers = bufferBytes(card, grid);
  const code = machine.facts.reservedBytesPerPe.value;
  const head = held.some((item) => item.layer === -2);
  return {
    wafer: Math.floor(index / (columns * rows)),
    rect,
    firstLayer: layers[0] ?? 0,
    lastLayer: layers.at(-1) ?? -1,
    embedding: held.some((item) => item.layer === -1),
    head,
    layers: kinds.map((k) => ({
      kind: card.kinds[k]!,
      count: layers.filter((layer) => card.layers[layer] === k).length,
      ops: placed.kinds[k]!,
    })),
    headOps: head ? placed.head : [],
    weightBytes,
    kvBytesPerUser,
    budget: {
      weights,
      kv,
      buffers,
      code,
      free: machine.facts.sramBytesPerPe.value - weights - kv - buffers - code,
    },
  };
}

function gridTooLarge(machine: WaferMachine, grid: Grid): OptionError {
  const { usableColumns, usableRows } = machine.facts;
  return new OptionError({
    what: `grid on ${machine.name}`,
    given: `${grid.width} x ${grid.height} PEs`,
    expected: `at most ${usableColumns.value} x ${usableRows.value}`,
    todo: 'Choose a smaller grid.',
  });
}

/** The error for a card that `wafers` wafers cannot hold; says by how much and what would do. */
export function doesNotFit(
  card: ModelCard,
  machine: WaferMachine,
  wafers: number,
  options: WaferPlacementOptions,
): ModelError {
  const items = itemsOf(card, options);
  const weights = items.reduce((sum, item) => sum + item.weights, 0);
  const kv = items.reduce((sum, item) => sum + item.kvPerUser, 0) * options.users;
  const { usableColumns, usableRows, sramBytesPerPe, reservedBytesPerPe } = machine.facts;
  const perWafer = usableColumns.value * usableRows.value * (sramBytesPerPe.value - reservedBytesPerPe.value);
  const enough = Math.min(...gridsFor(machine).map((grid) => wafersNeeded(card, machine, grid, options)));
  const over = weights + kv - perWafer * wafers;
  return new ModelError({
    what: `${card.name} with ${options.weightBits}-bit weights on ${wafers} ${machine.name}`,
    given: `${formatBytes(weights)} of weights and ${formatBytes(kv)} of KV cache (${options.users} users of ${options.context} tokens)`,
    expected: `at most ${formatBytes(perWafer * wafers)} of SRAM${over > 0 ? ` (${formatBytes(over)} too much)` : ', in regions that hold whole layers'}`,
    todo: Number.isFinite(enough)
      ? `Use ${enough} wafers, fewer bits per weight, fewer users or a shorter context.`
      : 'A single layer is larger than a wafer: use fewer bits per weight, fewer users or a shorter context.',
  });
}
