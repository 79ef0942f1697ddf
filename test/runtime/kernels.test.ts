/** Kernels that were not built with the program are refused. */
import { expect, it } from 'vitest';
import { EngineError } from '#src/core/errors.js';
import { kernelBuilds } from '#src/platform/node/load.js';
import { instantiateKernels } from '#src/runtime/program/kernels.js';

const memory = () => new WebAssembly.Memory({ initial: 2, maximum: 65536, shared: true });

it('of another version, which have another word for it or none', async () => {
  const bytes = await kernelBuilds.read('simd');
  expect(() => instantiateKernels(new WebAssembly.Module(bytes), memory())).not.toThrow();
  const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  expect(() => instantiateKernels(empty, memory())).toThrow(EngineError);
  // The name of an export, as a build without it has it.
  const other = Buffer.from(bytes);
  other.write('disagreed', other.indexOf('agreement'));
  expect(() => instantiateKernels(new WebAssembly.Module(other), memory())).toThrow(/another version/);
});
