/** Which models of the zoo the fabric runs, with the bits of the runtime; all others are refused by the name of what is missing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { ARCHITECTURES } from '#models/architectures/index.js';
import { MachineError } from '#src/core/errors.js';
import type { FabricModel } from '#src/fabric/model/model.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { fabricModel, ROOMY } from '../helpers/fabric-model.js';
import { sharedPath } from '../helpers/shared.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const RUN = [
  'arcee-dense',
  'baichuan-dense',
  'chatglm-dense',
  'codeshell-dense',
  'cogvlm-dense',
  'command-r-dense',
  'deci-dense',
  'ernie4_5-moe',
  'exaone-dense',
  'exaone4-dense',
  'falcon-dense',
  'gemma-dense',
  'glm4-dense',
  'gpt2-dense',
  'gptneox-dense',
  'granite-dense',
  'granitemoe-dense',
  'hunyuan-dense-dense',
  'hunyuan_vl-dense',
  'internlm2-dense',
  'jais2-dense',
  'llama-dense',
  'llama-linear',
  'llama-plain',
  'llama-tied',
  'llama-wide-heads',
  'llama-yarn',
  'maincoder-dense',
  'minicpm-dense',
  'mistral3-dense',
  'nanbeige-dense',
  'nemotron-dense',
  'openelm-dense',
  'orion-dense',
  'paddleocr-moe',
  'pangu-embedded-dense',
  'phi2-dense',
  'phi3-dense',
  'plamo-dense',
  'qwen-dense',
  'qwen2-dense',
  'qwen2-yarn-tied',
  'qwen2vl-dense',
  'qwen3-dense',
  'qwen3vl-dense',
  'seed_oss-dense',
  'smollm3-dense',
  'starcoder-dense',
  'starcoder2-dense',
  'xverse-dense',
];
const IDS = [3, 17, 5, 40, 9, 3];
const RECTANGLE = { width: 2, height: 3 };

const zoo = sharedPath('models/zoo');

it.skipIf(zoo === null)(`runs ${RUN.length} of them and refuses the others by name`, async () => {
  const { writeModel } = (await import(pathToFileURL(join(zoo!, 'write.mjs')).href)) as {
    writeModel: (description: unknown, path: string) => void;
  };
  const ran: string[] = [];
  for (const file of readdirSync(join(zoo!, 'gguf')).filter((name) => name.endsWith('.golden.json'))) {
    const name = file.replace('.golden.json', '');
    const description = JSON.parse(readFileSync(join(zoo!, 'gguf', `${name}.json`), 'utf8')) as {
      architecture: string;
    };
    if (!ARCHITECTURES.has(description.architecture)) continue;
    const path = temporaryFile(new Uint8Array());
    writeModel(description, path);
    let model: FabricModel;
    try {
      ({ model } = await fabricModel(path, RECTANGLE, IDS.length, ROOMY));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      expect(error, `${name}: ${error.message}`).toBeInstanceOf(MachineError);
      expect(error.message, name).toMatch(/^model on the fabric: got /);
      continue;
    }
    await withEngine(path, { rectangle: RECTANGLE, workers: 1, kvType: 'f32' }, async (engine) => {
      const steps = IDS.map((id) => model.step(id).logits);
      for (const at of [0, IDS.length - 1]) {
        const wanted = await engine.logits(IDS.slice(0, at + 1));
        expect(bitsOf(steps[at]!), `${name}, token ${at}`).toEqual(bitsOf(wanted));
      }
    });
    ran.push(name);
  }
  expect(ran).toEqual(RUN);
});
