/** Vectors on the wire, in the forms that clients ask for. */

/** Of a vector as its model left it, by the numbers of llama.cpp: -1 as it is, 0 by the largest, else by the p-norm. */
export function normalised(vector: Float32Array, p: number): number[] {
  const values = Array.from(vector);
  if (p < 0) return values;
  const largest = values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  if (largest === 0) return values;
  // The largest is what int16 holds at most.
  if (p === 0) return values.map((x) => (x / largest) * 32760);
  const sum = values.reduce((all, x) => all + (Math.abs(x) / largest) ** p, 0);
  const length = largest * sum ** (1 / p);
  return values.map((x) => x / length);
}

/** Numbers, or the bytes of little-endian floats in base64. */
export function written(vector: Float32Array, form: 'float' | 'base64'): number[] | string {
  if (form === 'float') return Array.from(vector);
  const bytes = Buffer.alloc(4 * vector.length);
  for (const [i, value] of vector.entries()) bytes.writeFloatLE(value, 4 * i);
  return bytes.toString('base64');
}
