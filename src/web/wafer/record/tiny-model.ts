/** A whole small Llama on the fabric: random weights from one seed, placed as the runtime places its models. */
import { ggufSource } from '../../../fabric/model/gguf-source.js';
import { FabricModel } from '../../../fabric/model/model.js';
import { readGguf } from '../../../formats/gguf.js';
import { readModel } from '../../../formats/model-file.js';
import { randomModel } from '../../../formats/random-model.js';
import { bytesSource } from '../../../formats/source.js';
import { tensorType } from '../../../formats/tensor-types.js';
import { findWafer } from '../../../machine/wafers.js';
import { placeOnRectangle } from '../../../placement/place.js';
import type { RunRequest } from './request.js';

const HEADS = 4;
const LAYERS = 2;
const VOCABULARY = 272;
/** Tokens before the one that is played: they fill the KV cache. */
const PROMPT = [1, 40, 80, 120];
const CONTEXT = 16;

/** The model after its prompt, ready for the step that is played. */
export async function tinyModel({ width, height, elements, machine }: RunRequest): Promise<FabricModel> {
  const hiddenSize = Math.max(16, Math.floor(elements / 16) * 16);
  const { fileBytes, chunks } = randomModel({
    hiddenSize,
    numHiddenLayers: LAYERS,
    numAttentionHeads: HEADS,
    numKeyValueHeads: HEADS / 2,
    intermediateSize: 2 * hiddenSize,
    vocabSize: VOCABULARY,
    context: CONTEXT,
  });
  const bytes = new Uint8Array(fileBytes);
  let at = 0;
  for (const chunk of chunks()) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  const file = await readGguf(bytesSource(bytes));
  const { model: description, tensors } = readModel(file);
  const plan = placeOnRectangle(
    description,
    { width, height },
    (name) => tensorType(tensors.get(name)!.type).blockElements,
  );
  const source = ggufSource(bytes, tensors);
  const model = new FabricModel(findWafer(machine), plan, source, CONTEXT);
  for (const token of PROMPT) model.step(token);
  return model;
}

/** The token of the step that is played. */
export const TINY_TOKEN = 160;
