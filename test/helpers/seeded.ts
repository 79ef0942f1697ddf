/** Weights that follow from a tensor's name and shape, the same in other languages: what goldens are made with elsewhere. */

/** Numbers in [-1, 1) of 24 bits, by xorshift from the FNV-1a hash of the name. */
function* uniform(name: string): Generator<number, never> {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
  state ||= 1;
  for (;;) {
    state = (state ^ (state << 13)) >>> 0;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    yield (state >>> 8) / 0x800000 - 1;
  }
}

/** As `weight` of test/golden/embeddings.py; `shape` has the slowest dimension first. */
export function seededWeight(name: string, shape: readonly number[]): Float32Array {
  const numbers = uniform(name);
  const scale = 2.5 / Math.sqrt(shape.at(-1)!);
  const of = (value: number): number => {
    if (name.endsWith('norm.weight')) return 1 + value / 4;
    if (name.endsWith('.bias')) return value / 8;
    return /^(token|position)_/.test(name) ? value : value * scale;
  };
  const count = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: count }, () => of(numbers.next().value));
}
