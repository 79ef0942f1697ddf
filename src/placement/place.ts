/**
 * Places a Llama model on one rectangle of PEs. As in WaferLLM's decode (He et al., OSDI'25), the hidden vector is
 * cut along y and repeated along x; matmuls alternate the axis they reduce along (y, then x), so that nothing is
 * ever transposed.
 */
import { forward, type LlamaConfig, type LlamaOp } from '../../models/llama.js';
import { OptionError } from '../core/errors.js';
import type { Axis, PlacedOp, Plan, Reduce, Split } from './plan.js';

export interface RectangleSize {
  readonly width: number;
  readonly height: number;
}

/** Elements per quantisation block of a weight's rows; sums may only be cut between blocks. */
export type BlockElements = (weight: string) => number;

/** The largest side of a rectangle: that of the largest wafer in use. */
const maxSide = 1200;

/**
 * Prefill and decode of `config` on the same `width` x `height` rectangle.
 * @throws OptionError if a side is not a whole number from 1 to 1200
 */
export function placeOnRectangle(
  config: LlamaConfig,
  { width, height }: RectangleSize,
  blockElements: BlockElements,
  machine = 'desk',
): Plan {
  for (const [side, size] of Object.entries({ width, height })) {
    if (Number.isInteger(size) && size >= 1 && size <= maxSide) continue;
    throw new OptionError({
      what: `rectangle ${side}`,
      given: `${size}`,
      expected: `a whole number from 1 to ${maxSide}`,
      todo: 'Give the rectangle in PEs, for example 8x8.',
    });
  }
  const parts: Record<Axis, number> = { x: width, y: height };
  const split = (axis: Axis, extent: number, unit: number): Split => ({
    axis,
    extent,
    unit,
    parts: parts[axis],
  });
  const place = (op: LlamaOp): PlacedOp => {
    switch (op.kind) {
      case 'embedding':
        return { ...op, columns: split('y', config.hiddenSize, 1) };
      case 'rmsnorm':
        return { ...op, columns: split('y', config.hiddenSize, 1), reduce: reduceAlong('y', height) };
      case 'attention':
        return { ...op, kvHeads: split('x', config.numKeyValueHeads, 1), reduce: reduceAlong('y', height) };
      case 'matmul': {
        const axis = op.name === 'o' || op.name === 'down' ? 'x' : 'y';
        const across = axis === 'x' ? 'y' : 'x';
        const unit = Math.max(...op.weights.map(blockElements));
        return {
          ...op,
          rows: op.outFeatures.map((rows) => split(across, rows, 1)),
          columns: split(axis, op.inFeatures, unit),
          reduce: reduceAlong(axis, parts[axis]),
        };
      }
    }
  };
  const region = {
    wafer: 0,
    rect: { x: 0, y: 0, width, height },
    firstLayer: 0,
    lastLayer: config.numHiddenLayers - 1,
    ops: forward(config).map(place),
  };
  return { config, machine, prefill: [region], decode: [region] };
}

/** A K-tree (K = 2) with groups of about the square root of the parts, which balances its two phases. */
function reduceAlong(axis: Axis, parts: number): Reduce {
  return { algorithm: 'ktree', axis, parts, groupSize: Math.max(1, Math.round(Math.sqrt(parts))) };
}
