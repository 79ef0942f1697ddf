/** Every weight type that runs, by the name that ggml gives it: a new one is a folder and a line here. */
import { BF16 } from './bf16/quant.js';
import { F16 } from './f16/quant.js';
import { F32 } from './f32/quant.js';
import { IQ1_M } from './iq1_m/quant.js';
import { IQ1_S } from './iq1_s/quant.js';
import { IQ2_S } from './iq2_s/quant.js';
import { IQ2_XS } from './iq2_xs/quant.js';
import { IQ2_XXS } from './iq2_xxs/quant.js';
import { IQ3_S } from './iq3_s/quant.js';
import { IQ3_XXS } from './iq3_xxs/quant.js';
import { IQ4_NL } from './iq4_nl/quant.js';
import { IQ4_XS } from './iq4_xs/quant.js';
import { MXFP4 } from './mxfp4/quant.js';
import { Q1_0 } from './q1_0/quant.js';
import { Q2_K } from './q2_k/quant.js';
import { Q3_K } from './q3_k/quant.js';
import { Q4_0 } from './q4_0/quant.js';
import { Q4_1 } from './q4_1/quant.js';
import { Q4_K } from './q4_k/quant.js';
import { Q5_0 } from './q5_0/quant.js';
import { Q5_1 } from './q5_1/quant.js';
import { Q5_K } from './q5_k/quant.js';
import { Q6_K } from './q6_k/quant.js';
import { Q8_0 } from './q8_0/quant.js';
import { isBlockQuant, type Quant } from './quant.js';
import { TQ1_0 } from './tq1_0/quant.js';
import { TQ2_0 } from './tq2_0/quant.js';

export const QUANTS = {
  F32,
  F16,
  BF16,
  Q8_0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q2_K,
  Q3_K,
  Q4_K,
  Q5_K,
  Q6_K,
  IQ1_S,
  IQ1_M,
  IQ2_XXS,
  IQ2_XS,
  IQ2_S,
  IQ3_XXS,
  IQ3_S,
  IQ4_NL,
  IQ4_XS,
  TQ1_0,
  TQ2_0,
  Q1_0,
  MXFP4,
} as const satisfies Readonly<Record<string, Quant>>;

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
