/**
 * The floor of the quantised matmuls: how many `i32x4.dot_i16x8_s` (8 products each) this core starts per cycle, where
 * a cycle is one of a chain of dependent additions.
 *
 *   node bench/dot-rate.mjs
 */
import { setFlagsFromString } from 'node:v8';
import asc from 'assemblyscript/asc';

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const source = `
export function dots(n: i32): i32 {
  const x = i16x8.splat(3);
  let ${names.map((name, i) => `${name} = i16x8.splat(${i + 1})`).join(', ')};
  for (let i = 0; i < n; i++) {
    ${names.map((name) => `${name} = i32x4.dot_i16x8_s(${name}, x);`).join(' ')}
  }
  return i32x4.extract_lane(${names.reduce((sum, name) => `v128.xor(${sum}, ${name})`)}, 0);
}
export function chain(n: i32): i32 {
  const x = i16x8.splat(3);
  let a = i16x8.splat(1);
  for (let i = 0; i < n; i++) { ${'a = i32x4.add(a, x); a = v128.xor(a, x); '.repeat(4)}}
  return i32x4.extract_lane(a, 0);
}`;

let binary;
await asc.main(['dots.ts', '--outFile', 'dots.wasm', '--enable', 'simd', '--runtime', 'stub', '-O3'], {
  readFile: (name) => (name.endsWith('dots.ts') ? source : null),
  writeFile: (_name, data) => {
    binary = data;
  },
  listFiles: () => [],
});
if (process.versions.node.startsWith('20.')) setFlagsFromString('--no-liftoff');
const { dots, chain } = (await WebAssembly.instantiate(binary)).instance.exports;

const loops = 2e7;
const operations = 8 * loops;
const timeMs = (run) => {
  const start = performance.now();
  run(loops);
  return performance.now() - start;
};
let best = { dotsMs: Number.POSITIVE_INFINITY, chainMs: Number.POSITIVE_INFINITY };
for (let round = 0; round < 5; round++) {
  const [dotsMs, chainMs] = [timeMs(dots), timeMs(chain)];
  best = { dotsMs: Math.min(best.dotsMs, dotsMs), chainMs: Math.min(best.chainMs, chainMs) };
}
const giga = (count, ms) => (count / ms / 1e6).toFixed(1);
console.log(
  `${giga(operations, best.dotsMs)} billion dot products/s (${giga(8 * operations, best.dotsMs)} billion products/s), ` +
    `${giga(operations, best.chainMs)} GHz, ${(best.chainMs / best.dotsMs).toFixed(2)} per cycle`,
);
