/** Vectors as a KV cache of int16 holds them. */

/** The largest int16 of keys and values, and of queries. */
export const MOST = 8191;
export const QUERY_MOST = 4095;

export interface Int16Vector {
  readonly scale: number;
  readonly codes: readonly number[];
}

/** x as integers up to `most` of one scale, in float32 as the kernel computes it. */
export function toInt16(x: ArrayLike<number>, most = MOST): Int16Vector {
  const values = Array.from(x);
  const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  // Rounded up to a bfloat16.
  const [bits = 0] = new Uint32Array(Float32Array.of(largest / most).buffer);
  const [scale = 0] = new Float32Array(Uint32Array.of((bits + 0xffff) & ~0xffff).buffer);
  const inverse = scale > 3e-39 ? Math.fround(1 / scale) : 0;
  const codes = values.map((value) => roundHalfEven(Math.fround(value * inverse)));
  return Number.isFinite(largest) ? { scale, codes } : { scale: Number.NaN, codes: codes.fill(0) };
}

/** The numbers that an int16 vector stands for, in float32. */
export function fromInt16({ scale, codes }: Int16Vector): Float32Array {
  return Float32Array.from(codes, (code) => scale * code);
}

function roundHalfEven(x: number): number {
  const down = Math.floor(x);
  if (x - down === 0.5) return down % 2 === 0 ? down : down + 1;
  return Math.round(x);
}
