import type { GpuThread, GpuVector } from '../gpu.js';

export interface SwigluConstants {
  readonly parts: number;
  readonly tokens: number;
  /** Values of gate, and of up, of one token. */
  readonly size: number;
}

/** Y [tokens][size] = gate / (1 + exp(-gate)) * up; both beside each other in gateUp [parts][tokens][2 size]. */
export function swiglu(this: GpuThread<SwigluConstants>, gateUp: GpuVector, count: number): number {
  const token = Math.floor((this.thread.x + 0.5) / this.constants.size);
  if (token >= count) return 0;
  const at = this.thread.x + token * this.constants.size;
  let gate = 0;
  let up = 0;
  for (let p = 0; p < this.constants.parts; p++) {
    const from = at + p * this.constants.tokens * this.constants.size * 2;
    gate += gateUp[from]!;
    up += gateUp[from + this.constants.size]!;
  }
  return (gate / (1 + Math.exp(-gate))) * up;
}
