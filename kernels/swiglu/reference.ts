import type { Reference } from '../spec.js';

/** gate / (1 + exp(-gate)) * up, element by element; magnitudes are |gate up|. */
export function swiglu(gate: ArrayLike<number>, up: ArrayLike<number>): Reference {
  const n = gate.length;
  const values = Float64Array.from({ length: n }, (_, i) => (gate[i]! / (1 + Math.exp(-gate[i]!))) * up[i]!);
  const magnitudes = Float64Array.from({ length: n }, (_, i) => Math.abs(gate[i]! * up[i]!));
  return { values, magnitudes };
}
