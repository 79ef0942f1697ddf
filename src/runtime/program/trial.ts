/**
 * Which builds of the kernels this engine computes exactly, and which of them is fastest, found by trying: what relaxed
 * SIMD's products of int8 do with a second operand beyond seven bits differs between processors and between the two
 * tiers of an engine, and Node 20 computes one form of them wrongly. A few milliseconds in all.
 */
import { Rng } from '../../core/rng.js';
import type { SimdMode } from '../types.js';

/** What kernels/probe exports. */
export interface Probe {
  add(x: number, codes: number, acc: number): number;
  pairs(x: number, codes: number): number;
  rateOfPlain(address: number, times: number): number;
  rateOfPairs(address: number, times: number): number;
  rateOfAdd(address: number, times: number): number;
}

/** What a trial found. */
export interface Trial {
  /** The builds that give the bits of the plain one here; the plain one first. */
  readonly exact: readonly SimdMode[];
  readonly fastest: SimdMode;
}

/** A relaxed build: what its products must give, and how it multiplies in the trial of speed. */
interface Way {
  readonly codeOf: (byte: number) => number;
  readonly result: (probe: Probe, x: number, codes: number) => number;
  /** How many products of a word the result adds up. */
  readonly products: number;
  readonly rate: 'rateOfPairs' | 'rateOfAdd';
}

const signed = (byte: number): number => (byte << 24) >> 24;
const ways: Readonly<Record<Exclude<SimdMode, 'simd'>, Way>> = {
  relaxed: {
    codeOf: (byte) => byte & 127,
    result: (probe, x, codes) => probe.pairs(x, codes & 0x7f7f7f7f),
    products: 2,
    rate: 'rateOfPairs',
  },
  u8s8: {
    codeOf: (byte) => byte,
    result: (probe, x, codes) => probe.add(x, codes, ACC) - ACC,
    products: 4,
    rate: 'rateOfAdd',
  },
  s8s8: {
    codeOf: signed,
    result: (probe, x, codes) => probe.add(x, codes, ACC) - ACC,
    products: 4,
    rate: 'rateOfAdd',
  },
};
const ACC = 1000;

/** Activations are -127 to 127, as quantize makes them. */
const words: readonly (readonly [x: number, codes: number])[] = [
  [0x00000001, 0x000000ff],
  [0x7f7f7f7f, -1],
  [0x7f7f7f7f, 0x7f7f7f7f],
  [-0x7e7e7e7f, -1],
  [-0x7e7e7e7f, -0x7f7f7f80],
  [-0x7e7e7e7f, 0x7f7f7f7f],
  ...Array.from({ length: 26 }, (_, i) => {
    const rng = new Rng(i + 1);
    // No byte of the first is -128.
    return [(rng.nextUint32() & 0x7f7f7f7f) | (i % 2 === 0 ? 0 : 0x81), rng.nextUint32() | 0] as const;
  }),
];

/** Long enough for the optimising compiler to take over from the baseline one. */
const EXACT_MS = 2;
const RATE_MS = 3;
/** Turns that are taken even where other programs have the processor meanwhile. */
const LEAST_TURNS = 12;
/** Below that share of the plain way's rate a way is several instructions; the rest is other programs. */
const LEAST_RATE = 0.6;
/** About 10 microseconds of work. */
const TIMES = 500;

/** Tries a probe; without one, as where the engine has no relaxed SIMD, there is only the plain build. */
export function tryVariants(probe: Probe | null): Trial {
  if (probe === null) return { exact: ['simd'], fastest: 'simd' };
  const relaxed = (Object.keys(ways) as (keyof typeof ways)[]).filter((name) => isExact(probe, ways[name]));
  const rates = ratesOf(probe);
  // Products by fours serve every type, those by pairs only small codes. Where the engine has an instruction for them they
  // win by far in the kernels; a trial has to see only where it makes do with several.
  const fastest =
    relaxed.findLast((name) => rates[ways[name].rate] > LEAST_RATE * rates.rateOfPlain) ?? 'simd';
  return { exact: ['simd', ...relaxed], fastest };
}

/** The probe of an engine, in a memory of its own; null where it has no relaxed SIMD. */
export async function instantiateProbe(binary: Uint8Array<ArrayBuffer>): Promise<Probe | null> {
  if (!WebAssembly.validate(binary)) return null;
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const { instance } = await WebAssembly.instantiate(binary, { env: { memory } });
  return instance.exports as unknown as Probe;
}

/** Whether every word gives what it should, from the first call on and until the engine has compiled the probe again. */
function isExact(probe: Probe, { codeOf, result, products }: Way): boolean {
  const expected = words.map(([x, codes]) => {
    let sum = 0;
    for (let i = 0; i < products; i++) sum += signed(x >> (8 * i)) * codeOf((codes >> (8 * i)) & 255);
    return sum;
  });
  const end = performance.now() + EXACT_MS;
  do {
    for (let run = 0; run < 50; run++) {
      if (words.some(([x, codes], i) => result(probe, x, codes) !== expected[i])) return false;
    }
  } while (performance.now() < end);
  return true;
}

type RateName = 'rateOfPlain' | Way['rate'];

/** Rounds per millisecond of each way, the best of some that take turns. */
function ratesOf(probe: Probe): Record<RateName, number> {
  const rates = { rateOfPlain: 0, rateOfPairs: 0, rateOfAdd: 0 };
  const end = performance.now() + RATE_MS;
  let turns = 0;
  do {
    for (const name of Object.keys(rates) as RateName[]) {
      const start = performance.now();
      for (let i = 0; i < 4; i++) probe[name](1024, TIMES);
      rates[name] = Math.max(rates[name], 1 / (performance.now() - start));
    }
    turns++;
  } while (turns < LEAST_TURNS || performance.now() < end);
  return rates;
}
