/** Every weight type that runs, by the name that ggml gives it: a new one is a folder and a line here. */
import { BF16 } from './bf16/quant.js';
import { F16 } from './f16/quant.js';
import { F32 } from './f32/quant.js';
import { Q4_0 } from './q4_0/quant.js';
import { Q8_0 } from './q8_0/quant.js';
import { isBlockQuant, type Quant } from './quant.js';

export const QUANTS = { F32, F16, BF16, Q8_0, Q4_0 } as const satisfies Readonly<Record<string, Quant>>;

export type WeightType = keyof typeof QUANTS;

export const weightTypes = Object.keys(QUANTS) as readonly WeightType[];

export function isWeightType(name: string): name is WeightType {
  return Object.hasOwn(QUANTS, name);
}

/** Whether products of the type take int8 activations. */
export function isBlockType(type: WeightType): boolean {
  return isBlockQuant(QUANTS[type]);
}

export function quantOf(type: WeightType): Quant {
  return QUANTS[type];
}
