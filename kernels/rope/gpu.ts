import type { GpuThread, GpuVector } from '../gpu.js';

export interface RopeConstants {
  readonly parts: number;
  readonly tokens: number;
  /** Values of q, k and v together of one token. */
  readonly stride: number;
  /** Values of q of one token. */
  readonly size: number;
  readonly headDim: number;
}

/**
 * Q [tokens][size]: the queries of qkv [parts][tokens][stride], pairs (2i, 2i + 1) turned by their angle. `cos` and
 * `sin` are tables [context][headDim / 2].
 */
export function rope(
  this: GpuThread<RopeConstants>,
  qkv: GpuVector,
  cos: GpuVector,
  sin: GpuVector,
  position: number,
  count: number,
): number {
  const token = Math.floor((this.thread.x + 0.5) / this.constants.size);
  if (token >= count) return 0;
  const column = this.thread.x - token * this.constants.size;
  const pair = Math.floor((column + 0.5) / 2);
  const half = this.constants.headDim / 2;
  const head = Math.floor((pair + 0.5) / half);
  const angle = (position + token) * half + pair - head * half;
  const at = token * this.constants.stride + pair * 2;
  let even = 0;
  let odd = 0;
  for (let p = 0; p < this.constants.parts; p++) {
    const from = at + p * this.constants.tokens * this.constants.stride;
    even += qkv[from]!;
    odd += qkv[from + 1]!;
  }
  if (column > pair * 2) return even * sin[angle]! + odd * cos[angle]!;
  return even * cos[angle]! - odd * sin[angle]!;
}
