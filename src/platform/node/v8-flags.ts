/**
 * V8 flags that the kernels want. They must be set before the kernels are compiled, and hold for the whole process.
 */
import { setFlagsFromString } from 'node:v8';

const major = Number(process.versions.node.split('.')[0]);

/** Sets what this Node.js needs; does nothing where it needs nothing. */
export function setKernelFlags(): void {
  if (major >= 22) return;
  // Node 20: relaxed SIMD is behind a flag, and without --no-liftoff the kernels would stay in the baseline tier for
  // seconds, because workers that poll starve V8's background compiler. Newer V8 crashes on that flag.
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  setFlagsFromString('--no-liftoff');
}
