import { load } from '#src/index.js';
import type { WaferEngine } from '#src/runtime/engine/engine.js';
import type { GenerateChunk, GenerateEnd, LoadOptions } from '#src/runtime/types.js';

/** Loads a model for the time of `use`. */
export async function withEngine<T>(
  path: string | Uint8Array,
  options: LoadOptions,
  use: (engine: WaferEngine) => Promise<T>,
): Promise<T> {
  const engine = (await load(path, options)) as WaferEngine;
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

/** The last piece of a generation. */
export async function endOf(chunks: AsyncIterable<GenerateChunk>): Promise<GenerateEnd> {
  for await (const chunk of chunks) if (chunk.done) return chunk;
  throw new Error('the generation ended without its last piece');
}

/** Bits of f32 values, so that a comparison sees every one of them. */
export function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}
