/** LoRA adapters of random numbers for a small model, as GGUF bytes, and what they add to its matrices. */
import { adaptable } from '#models/adapters.js';
import type { Model } from '#models/model.js';
import { weightShapes } from '#models/weights.js';
import { Rng } from '#src/core/rng.js';
import { type GgufInput, writeGguf } from '#src/formats/gguf-writer.js';

export interface RandomAdapter {
  readonly seed: number;
  readonly rank: number;
  readonly alpha: number;
  /** Of the matrices those whose names match. */
  readonly only: RegExp;
}

/** The adapter's file, and by the name of a matrix what it adds, row by row. */
export function randomAdapter(
  { architecture, ops }: Pick<Model, 'architecture' | 'ops'>,
  { seed, rank, alpha, only }: RandomAdapter,
): { readonly bytes: Uint8Array; readonly added: ReadonlyMap<string, Float64Array> } {
  const rng = new Rng(seed);
  const shapes = weightShapes(ops);
  const added = new Map<string, Float64Array>();
  const tensors = [...adaptable(ops)]
    .filter((name) => only.test(name) && shapes.get(name)!.length > 1)
    .flatMap((name) => {
      const shape = shapes.get(name)!;
      const [rows, columns] = shape.slice(-2) as [number, number];
      const count = shape.length === 3 ? shape[0]! : 1;
      const a = Float32Array.from(
        { length: count * rank * columns },
        () => (2 * rng.next() - 1) / Math.sqrt(columns),
      );
      const b = Float32Array.from({ length: count * rows * rank }, () => 2 * rng.next() - 1);
      const sums = new Float64Array(count * rows * columns);
      for (let row = 0; row < count * rows; row++) {
        const matrix = Math.floor(row / rows);
        for (let r = 0; r < rank; r++) {
          for (let c = 0; c < columns; c++)
            sums[row * columns + c]! +=
              (alpha / rank) * b[row * rank + r]! * a[(matrix * rank + r) * columns + c]!;
        }
      }
      added.set(name, sums);
      const half = (end: string, dims: number[], values: Float32Array) => ({
        name: `${name}.lora_${end}`,
        type: 'F32' as const,
        dims: shape.length === 3 ? [...dims, count] : dims,
        data: new Uint8Array(values.buffer),
      });
      return [half('a', [columns, rank], a), half('b', [rank, rows], b)];
    });
  const metadata: Record<string, GgufInput> = {
    'general.type': 'adapter',
    'general.architecture': architecture,
    'adapter.type': 'lora',
    'adapter.lora.alpha': { type: 'f32', value: alpha },
  };
  return { bytes: writeGguf(metadata, tensors), added };
}
