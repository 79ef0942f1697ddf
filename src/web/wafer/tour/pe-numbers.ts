/** What lies in a simulated PE, as numbers to show: its tile, its part of the activation, and all its weights as texture. */
import { quantOf } from '../../../../kernels/quants/index.js';
import { isBlockQuant } from '../../../../kernels/quants/quant.js';
import type { Point } from '../../../fabric/geometry.js';
import type { Mesh } from '../../../fabric/mesh.js';
import { decodeSpans, quantizeActivation } from '../../../fabric/model/tile.js';
import type { Pe } from '../../../fabric/pe.js';
import { dequantize } from '../../../formats/quantize.js';
import { bytesOfElements, type WeightType } from '../../../formats/tensor-types.js';
import { type PlacedOf, tileStart } from '../../../placement/plan.js';
import type { TourFocus, TourLook, TourRow } from './api.js';

/** One piece of work of a PE, as the simulator tells it. */
export interface Piece {
  readonly at: Point;
  readonly name: string;
  readonly startCycle: number;
  readonly endCycle: number;
  readonly isLocal: boolean;
}

/** Texels per PE. */
const TEXELS = { width: 12, height: 6 } as const;

/** The cycle in which the last PE has the sum of the product `name`; Infinity while one has not gone on yet. */
export function summedAt(pieces: readonly Piece[], name: string): number {
  const multiplied = new Map<string, number>();
  const summed = new Map<string, number>();
  const goneOn = new Set<string>();
  for (const { at, name: what, endCycle, isLocal } of pieces) {
    const key = `${at.x},${at.y}`;
    if (what === name && isLocal) multiplied.set(key, endCycle);
    else if (multiplied.has(key) && isLocal) goneOn.add(key);
    else if (multiplied.has(key) && !goneOn.has(key)) summed.set(key, endCycle);
  }
  if (multiplied.size === 0 || goneOn.size < multiplied.size) return Number.POSITIVE_INFINITY;
  return Math.max(...multiplied.values(), ...summed.values());
}

/** A PE's part of the activation that it multiplies with. */
export function inputOf({ buffers, at }: Pe, { columns }: PlacedOf<'linear'>): Float32Array {
  const i = columns.axis === 'x' ? at.x : at.y;
  const input = buffers.find(({ name }) => name === 'input')!;
  return input.f32.slice(0, tileStart(columns, i + 1) - tileStart(columns, i));
}

/** A tile out of SRAM, and its first row beside the activation, as the PE multiplies them. */
export function readTile(
  bytes: Uint8Array,
  type: WeightType,
  columns: number,
  x: Float32Array,
): Pick<TourFocus, 'tile'> & { readonly row: TourRow } {
  const rowBytes = bytesOfElements(type, columns);
  const rows = columns === 0 ? 0 : Math.floor(bytes.length / rowBytes);
  const stored = bytes.subarray(0, rows * rowBytes);
  const cut = (values: ArrayLike<number>): number[][] =>
    Array.from({ length: rows }, (_, r) =>
      Array.from({ length: columns }, (_, c) => values[r * columns + c]!),
    );
  const quant = quantOf(type);
  if (!isBlockQuant(quant)) {
    const tile = cut(dequantize(stored, type));
    return {
      tile,
      row: { weights: tile[0] ?? [], x: [...x], weightScales: [], xScales: [], block: columns },
    };
  }
  const spans = decodeSpans(stored, quant);
  const activation = quantizeActivation(x);
  const tile = cut(spans.quants);
  return {
    tile,
    row: {
      weights: tile[0] ?? [],
      x: [...activation.quants],
      weightScales: [...spans.scales.subarray(0, columns / spans.columns)],
      xScales: [...activation.scales],
      block: spans.columns,
    },
  };
}

/** All weights of all PEs as brightness: bytes of them, evenly drawn. */
export function weightTexture(mesh: Mesh): TourLook['texture'] {
  const width = mesh.width * TEXELS.width;
  const height = mesh.height * TEXELS.height;
  const values = new Uint8Array(width * height);
  const each = TEXELS.width * TEXELS.height;
  for (let y = 0; y < mesh.height; y++) {
    for (let x = 0; x < mesh.width; x++) {
      const weights = mesh.pe({ x, y }).buffers.filter(({ type }) => type === 'bytes');
      const bytes = weights.flatMap(({ u8, length }) => [...u8.subarray(0, length)]);
      for (let i = 0; i < each; i++) {
        const byte = bytes[Math.floor((i * bytes.length) / each)] ?? 0;
        const row = y * TEXELS.height + Math.floor(i / TEXELS.width);
        // Signed bytes: their size is what multiplies.
        const size = byte < 128 ? byte : 256 - byte;
        values[row * width + x * TEXELS.width + (i % TEXELS.width)] = Math.min(255, 2 * size);
      }
    }
  }
  return { width, height, values };
}
