/** A GGUF's model on the fabric, with the angles that the runtime has. */
import { readFileSync } from 'node:fs';
import { ggufSource } from '#src/fabric/model/gguf-source.js';
import { FabricModel } from '#src/fabric/model/model.js';
import { smallTensor } from '#src/fabric/model/source.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { bytesSource } from '#src/formats/source.js';
import { tensorType } from '#src/formats/tensor-types.js';
import { parseWafer } from '#src/machine/custom.js';
import type { WaferMachine } from '#src/machine/wafers.js';
import { placeOnRectangle, type RectangleSize } from '#src/placement/place.js';
import type { Plan } from '#src/placement/plan.js';
import { kernelBuilds } from '#src/platform/node/load.js';
import { kernelAngles } from '#src/runtime/program/rope.js';

/** A whole tiny model fits one of its PEs. */
export const ROOMY = parseWafer('{"name":"roomy","base":"desk","sramBytesPerPe":1048576}', 'roomy.json');

/** The fabric's model from a GGUF file, and its plan; RoPE's angles come from the kernels, as the runtime's do. */
export async function fabricModel(
  path: string,
  rectangle: RectangleSize,
  context: number,
  machine: WaferMachine,
): Promise<{ model: FabricModel; plan: Plan }> {
  const bytes = new Uint8Array(readFileSync(path));
  const file = await readGguf(bytesSource(bytes));
  const { model, tensors } = readModel(file);
  const plan = placeOnRectangle(
    model,
    rectangle,
    (name) => tensorType(tensors.get(name)!.type).blockElements,
  );

  const source = ggufSource(bytes, tensors);
  const kernels = await WebAssembly.compile(await kernelBuilds.read('simd'));
  const angles = kernelAngles(kernels, context, (ref) => smallTensor(source, ref));
  return { model: new FabricModel(machine, plan, { ...source, angles }, context), plan };
}
