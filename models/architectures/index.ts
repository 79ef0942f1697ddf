/** All architectures, by every name that files call them. */
import type { Architecture } from '../architecture.js';
import { cohere2 } from './cohere2.js';
import { deci } from './deci.js';
import { exaone4 } from './exaone4.js';
import { gemma, gemma2, gemma3 } from './gemma.js';
import { glm4 } from './glm4.js';
import { baichuan, bloom, gpt2, jais, refact } from './gpt2.js';
import { neoxes } from './gptneox.js';
import { granite, minicpm } from './granite.js';
import { hunyuan } from './hunyuan.js';
import { llamas } from './llama.js';
import { mistral3 } from './mistral3.js';
import { olmo2 } from './olmo2.js';
import { phi3 } from './phi3.js';
import { plamo3 } from './plamo3.js';
import { qwen3 } from './qwen3.js';
import { smollm3 } from './smollm3.js';

const all: readonly Architecture[] = [
  ...llamas,
  ...neoxes,
  baichuan,
  bloom,
  cohere2,
  deci,
  exaone4,
  gemma,
  gemma2,
  gemma3,
  glm4,
  gpt2,
  granite,
  hunyuan,
  jais,
  minicpm,
  mistral3,
  olmo2,
  phi3,
  plamo3,
  qwen3,
  refact,
  smollm3,
];

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  all.flatMap((architecture) => architecture.names.map((name) => [name, architecture])),
);
