/** Activations in f32 with the bits of the kernels. */
import type { Activation } from '../../../models/op.js';
import { expF32 } from './arithmetic.js';

const { fround } = Math;

const sigmoid = (x: number): number => fround(1 / fround(1 + expF32(-x)));

const SMALL = [
  -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
].map(fround);

/** Below 0.625 the polynomial of Cephes' tanhf (Moshier, public domain), above by e^2x. */
function tanh(x: number): number {
  const size = Math.abs(x);
  if (!(size < fround(0.625))) {
    const large = fround(1 - fround(2 / fround(expF32(fround(2 * size)) + 1)));
    return x < 0 || Object.is(x, -0) ? -large : large;
  }
  const z = fround(x * x);
  let p = SMALL[0]!;
  for (const coefficient of SMALL.slice(1)) p = fround(fround(p * z) + coefficient);
  return fround(fround(fround(p * z) * x) + x);
}

function geluTanh(x: number): number {
  const cube = fround(fround(0.044715) * fround(fround(x * x) * x));
  const inner = fround(fround(0.7978845608028654) * fround(x + cube));
  return fround(fround(0.5 * x) * fround(1 + tanh(inner)));
}

type ElementFunction = (x: number) => number;

const ACTIVATIONS: { readonly [K in Activation['name']]?: ElementFunction } = {
  identity: (x) => x,
  silu: (x) => fround(x / fround(1 + expF32(-x))),
  relu: (x) => Math.max(x, 0),
  squaredRelu: (x) => fround(Math.max(x, 0) ** 2),
  sigmoid,
  tanh,
  geluTanh,
  geluQuick: (x) => fround(x * sigmoid(fround(fround(1.702) * x))),
};

/** The function of an activation without settings; null for one that is not known here. */
export function activationOf({ name }: Activation): ElementFunction | null {
  return ACTIVATIONS[name] ?? null;
}
