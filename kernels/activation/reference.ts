import type { Reference } from '../spec.js';

/** Settings of the functions that have them. */
export interface ActivationSettings {
  readonly cap?: number;
  readonly alphaP?: number;
  readonly alphaN?: number;
  readonly beta?: number;
  readonly eps?: number;
  readonly limit?: number;
  readonly after?: boolean;
  readonly alpha?: number;
  readonly linearBeta?: number;
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const silu = (x: number): number => x * sigmoid(x);

/** erf by its series, and by its continued fraction from 3 on; to float64's precision. */
export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 3) {
    let term = size;
    let sum = size;
    for (let n = 1; Math.abs(term) > 1e-17 * sum && n < 200; n++) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (size + fraction);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + fraction) * Math.sqrt(Math.PI)));
}

/** Functions of x alone. */
const ALONE: Readonly<Record<string, (x: number, s: ActivationSettings) => number>> = {
  identity: (x) => x,
  silu,
  relu: (x) => Math.max(x, 0),
  squaredRelu: (x) => Math.max(x, 0) ** 2,
  sigmoid,
  tanh: Math.tanh,
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  exp: Math.exp,
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
  geluQuick: (x) => x * sigmoid(1.702 * x),
  softcap: (x, { cap = 1 }) => cap * Math.tanh(x / cap),
  clamp: (x, { limit = Number.POSITIVE_INFINITY }) => Math.max(-limit, Math.min(x, limit)),
  xielu: (x, { alphaP = 0, alphaN = 0, beta = 0, eps = 0 }) =>
    x > 0 ? alphaP * x * x + beta * x : (Math.expm1(Math.min(x, eps)) - x) * alphaN + beta * x,
};

/** Functions of x and `by` together. */
const TOGETHER: Readonly<Record<string, (x: number, by: number, s: ActivationSettings) => number>> = {
  clampedSilu: (x, by, { limit = Number.POSITIVE_INFINITY, after = false }) =>
    (after ? Math.min(silu(x), limit) : silu(Math.min(x, limit))) * Math.max(-limit, Math.min(by, limit)),
  swigluOai: (x, by, { alpha = 1, limit = Number.POSITIVE_INFINITY }) => {
    const gate = Math.min(x, limit);
    return gate * sigmoid(alpha * gate) * (Math.max(-limit, Math.min(by, limit)) + 1);
  },
  situ: (x, by, { beta = 1, linearBeta = 0 }) =>
    beta * Math.tanh(x / beta) * sigmoid(x) * (linearBeta > 0 ? linearBeta * Math.tanh(by / linearBeta) : by),
};

/** act(x) * by, or act(x) where `by` is null. */
export function activate(
  name: string,
  x: number,
  by: number | null,
  settings: ActivationSettings = {},
): number {
  const together = TOGETHER[name];
  if (together) return together(x, by ?? 1, settings);
  return ALONE[name]!(x, settings) * (by ?? 1);
}

/** act(x) * by, element by element; magnitudes are |x by| + |by|. */
export function activation(
  name: string,
  x: ArrayLike<number>,
  by: ArrayLike<number> | null,
  settings: ActivationSettings = {},
): Reference {
  const values = Float64Array.from({ length: x.length }, (_, i) =>
    activate(name, x[i]!, by ? by[i]! : null, settings),
  );
  const magnitudes = values.map(
    (value, i) => Math.abs(value) + (Math.abs(x[i]!) + 1) * Math.abs(by ? by[i]! : 1),
  );
  return { values, magnitudes };
}
