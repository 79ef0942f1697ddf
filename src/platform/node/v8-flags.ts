/** V8 flags that the kernels and loading want; they hold for the whole process. */
import { setFlagsFromString } from 'node:v8';

const major = Number(process.versions.node.split('.')[0]);

/** Sets what the kernels need in this Node.js, before they are compiled; does nothing where they need nothing. */
export function setKernelFlags(): void {
  if (major >= 22) return;
  // Node 20: relaxed SIMD is behind a flag, and without --no-liftoff the kernels would stay in the baseline tier for
  // seconds, because workers that poll starve V8's background compiler. Newer V8 crashes on that flag.
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  setFlagsFromString('--no-liftoff');
}

let isLoading = false;

/**
 * Keeps the room for young objects as small as it begins, for as long as a program and a model are loaded: hardly anything
 * that is made then dies soon, and 24 MB of room would be left behind. `load` ends it.
 */
export function beginLoading(): void {
  isLoading = setGrowth(1);
}

/** Ends `beginLoading`, if it was called: what is made for answers dies soon. */
export function endLoading(): void {
  if (isLoading) setGrowth(2);
  isLoading = false;
}

function setGrowth(factor: number): boolean {
  try {
    setFlagsFromString(`--semi-space-growth-factor=${factor}`);
    return true;
  } catch {
    // Another engine than V8.
    return false;
  }
}
