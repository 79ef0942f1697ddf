/** All architectures, by every name that files call them. */
import type { Architecture } from '../architecture.js';
import { cohere2 } from './cohere2.js';
import { deci } from './deci.js';
import { exaone4 } from './exaone4.js';
import { falconH1 } from './falcon-h1.js';
import { gemma, gemma2, gemma3 } from './gemma.js';
import { glm4 } from './glm4.js';
import { baichuan, bloom, gpt2, jais, refact } from './gpt2.js';
import { neoxes } from './gptneox.js';
import { granite, graniteHybrid, minicpm } from './granite.js';
import { hunyuan } from './hunyuan.js';
import { jamba } from './jamba.js';
import { lfm2 } from './lfm2.js';
import { llamas } from './llama.js';
import { mambas } from './mamba.js';
import { mistral3 } from './mistral3.js';
import { nemotronH } from './nemotron-h.js';
import { olmo2 } from './olmo2.js';
import { phi3 } from './phi3.js';
import { plamo2 } from './plamo2.js';
import { plamo3 } from './plamo3.js';
import { qwen3 } from './qwen3.js';
import { qwen35 } from './qwen35.js';
import { smollm3 } from './smollm3.js';

const all: readonly Architecture[] = [
  ...llamas,
  ...neoxes,
  baichuan,
  bloom,
  ...mambas,
  cohere2,
  deci,
  exaone4,
  falconH1,
  gemma,
  gemma2,
  gemma3,
  glm4,
  gpt2,
  granite,
  graniteHybrid,
  hunyuan,
  jais,
  jamba,
  lfm2,
  minicpm,
  mistral3,
  nemotronH,
  olmo2,
  phi3,
  plamo3,
  plamo2,
  qwen3,
  qwen35,
  refact,
  smollm3,
];

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  all.flatMap((architecture) => architecture.names.map((name) => [name, architecture])),
);
