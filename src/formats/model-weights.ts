/** All tensors of a small model as numbers: for the interpreter, tests and the GPU baseline. */
import type { GgufFile, WeightInfo } from './gguf.js';
import { dequantize } from './quantize.js';

/** The tensors' values by name, as the interpreter asks for them. */
export async function readTensors(
  file: GgufFile,
  tensors: ReadonlyMap<string, WeightInfo>,
): Promise<(name: string) => Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, info] of tensors) {
    const bytes = new Uint8Array(info.byteLength);
    await file.source.read(info.offset, bytes);
    values.set(name, dequantize(bytes, info.type));
  }
  return (name) => values.get(name)!;
}
