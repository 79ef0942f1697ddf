/** A whole model on the fabric and on the runtime, from one plan: the same logits bit for bit. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RopeTable } from '#models/op.js';
import { ggufSource } from '#src/fabric/model/gguf-source.js';
import { FabricModel } from '#src/fabric/model/model.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { tensorType } from '#src/formats/tensor-types.js';
import { parseWafer } from '#src/machine/custom.js';
import { findWafer, type WaferMachine } from '#src/machine/wafers.js';
import { placeOnRectangle, type RectangleSize } from '#src/placement/place.js';
import { kernelBuilds } from '#src/platform/node/load.js';
import { resolveModel } from '#src/platform/node/models.js';
import { instantiateKernels, reservedBytes } from '#src/runtime/program/kernels.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { sharedPath } from '../helpers/shared.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

/** The fabric's model from a GGUF file; RoPE's angles come from the kernels, as the runtime's do. */
async function fabricModel(
  path: string,
  rectangle: RectangleSize,
  context: number,
  machine: WaferMachine,
): Promise<FabricModel> {
  const bytes = new Uint8Array(readFileSync(path));
  const file = await readGguf(bytesSource(bytes));
  const { model, tensors } = readModel(file);
  const plan = placeOnRectangle(
    model,
    rectangle,
    (name) => tensorType(tensors.get(name)!.type).blockElements,
  );

  const memory = new WebAssembly.Memory({ initial: 8, maximum: 8, shared: true });
  const module = await WebAssembly.compile(await kernelBuilds.read('simd'));
  const kernels = instantiateKernels(module, memory);
  const angles = ({ dims, theta, magnitude }: RopeTable, position: number): Float32Array => {
    new Float32Array(memory.buffer, reservedBytes, dims / 2).fill(1);
    const table = reservedBytes + dims * 2;
    kernels.ropeTable(table, context, dims, theta, reservedBytes, magnitude);
    return new Float32Array(memory.buffer, table + position * dims * 4, dims).slice();
  };
  const source = ggufSource(bytes, tensors, angles);
  return new FabricModel(machine, plan, source, context);
}

async function compare(
  path: string,
  rectangle: RectangleSize,
  ids: readonly number[],
  checked: readonly number[],
  machine = findWafer('desk'),
) {
  const model = await fabricModel(path, rectangle, ids.length, machine);
  await withEngine(path, { rectangle, workers: 1 }, async (engine) => {
    for (const [i, id] of ids.entries()) {
      const { logits, run } = model.step(id);
      expect(run.cycles).toBeGreaterThan(0);
      if (!checked.includes(i)) continue;
      const wanted = await engine.logits(ids.slice(0, i + 1));
      expect(bitsOf(logits), `token ${i}`).toEqual(bitsOf(wanted));
    }
  });
}

/** A whole tiny model fits one of its PEs. */
const ROOMY = parseWafer('{"name":"roomy","base":"desk","sramBytesPerPe":1048576}', 'roomy.json');

describe.each(['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0'] as const)('a tiny model in %s', (weightType) => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 5],
    [4, 3],
  ])('has the same bits on the fabric and on the runtime, %i x %i PEs', async (width, height) => {
    const path = temporaryFile(tinyModel({ weightType }));
    await compare(path, { width, height }, [1, 37, 5, 260, 5, 99, 7], [0, 3, 6], ROOMY);
  });

  it.each([
    [1, 1],
    [3, 2],
  ])('with an output head of its own has the same bits, %i x %i PEs', async (width, height) => {
    const path = temporaryFile(tinyModel({ weightType, tieWordEmbeddings: false }));
    await compare(path, { width, height }, [1, 37, 5], [0, 2], ROOMY);
  });

  it('that does not fit says which PE, what it needs and what there is', async () => {
    const path = temporaryFile(tinyModel({ weightType }));
    await expect(fabricModel(path, { width: 1, height: 1 }, 8, findWafer('desk'))).rejects.toThrow(
      /SRAM of PE \(0, 0\).*token_embd.*at most the 49152 B/,
    );
  });
});

it.each([
  [1, 1],
  [2, 2],
])('a context of more than a page of the runtime has the same bits, %i x %i PEs', async (width, height) => {
  const path = temporaryFile(tinyModel({ weightType: 'F32' }));
  const ids = Array.from({ length: 40 }, (_, i) => 3 + ((i * 53) % 250));
  await compare(path, { width, height }, ids, [31, 32, 39], ROOMY);
});

const stories = sharedPath('models/stories260K/stories260K-f16.gguf');

describe.skipIf(stories === null)('stories260K', () => {
  it.each([
    [4, 4],
    [3, 7],
  ])('32 tokens on %i x %i PEs: the logits of the runtime, bit for bit', async (width, height) => {
    const ids = [1, 403, 407, 261, 378, 432, 268, 257, 380, 4, 400, 383, 278, 286, 261, 391];
    await compare(stories!, { width, height }, [...ids, ...ids.slice(1), 2], [0, 1, 8, 15, 24, 31]);
  });
});

describe('the embedded model', () => {
  it('2 tokens on 20 x 20 PEs: the logits of the runtime, bit for bit', async () => {
    await compare(resolveModel(), { width: 20, height: 20 }, [1, 300], [0, 1]);
  });
});
