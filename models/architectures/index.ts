/** All architectures, by every name that files call them. */
import type { Architecture } from '../architecture.js';
import { afmoe } from './afmoe.js';
import { arctic } from './arctic.js';
import { bailingMoe3 } from './bailingmoe3.js';
import { berts } from './bert.js';
import { cohere2 } from './cohere2.js';
import { cohere2Moe } from './cohere2moe.js';
import { dbrx } from './dbrx.js';
import { deci } from './deci.js';
import { deepseeks } from './deepseek2.js';
import { dots3note } from './dots3note.js';
import { ernie } from './ernie4-5.js';
import { exaoneMoe } from './exaone-moe.js';
import { exaone4 } from './exaone4.js';
import { falconH1 } from './falcon-h1.js';
import { gemma, gemma2, gemma3 } from './gemma.js';
import { gemmaEmbedding } from './gemma-embedding.js';
import { glm4 } from './glm4.js';
import { glm4Moe } from './glm4-moe.js';
import { glm5Next } from './glm5-next.js';
import { gptOss } from './gpt-oss.js';
import { baichuan, bloom, gpt2, jais, mpt } from './gpt2.js';
import { neoxes } from './gptneox.js';
import { granite, graniteHybrid, minicpm } from './granite.js';
import { graniteSwa } from './granite-swa.js';
import { grok } from './grok.js';
import { groveMoe } from './grovemoe.js';
import { hrmText } from './hrm-text.js';
import { hunyuan } from './hunyuan.js';
import { hyV4 } from './hy-v4.js';
import { jamba } from './jamba.js';
import { kimiK3 } from './kimi-k3.js';
import { kimiLinear } from './kimi-linear.js';
import { laguna } from './laguna.js';
import { lfm2s } from './lfm2.js';
import { llamas } from './llama.js';
import { llama4 } from './llama4.js';
import { mambas } from './mamba.js';
import { maple } from './maple.js';
import { mellum } from './mellum.js';
import { mimo2 } from './mimo2.js';
import { minicpm3 } from './minicpm3.js';
import { minimax01 } from './minimax-01.js';
import { minimaxM3 } from './minimax-m3.js';
import { mistral3 } from './mistral3.js';
import { modernBert } from './modern-bert.js';
import { museGlimmer } from './muse-glimmer.js';
import { nemotronH } from './nemotron-h.js';
import { olmo2 } from './olmo2.js';
import { olmoe } from './olmoe.js';
import { phi3 } from './phi3.js';
import { plamo2 } from './plamo2.js';
import { plamo3 } from './plamo3.js';
import { qwenMoe } from './qwen-moe.js';
import { qwen3 } from './qwen3.js';
import { qwen35s } from './qwen35.js';
import { refact } from './refact.js';
import { smallThinker } from './smallthinker.js';
import { smollm3 } from './smollm3.js';
import { spark } from './spark2-5.js';
import { sparseLlamas } from './sparse-llama.js';
import { talkie } from './talkie.js';

const all: readonly Architecture[] = [
  ...llamas,
  ...neoxes,
  baichuan,
  bailingMoe3,
  ...berts,
  bloom,
  ...lfm2s,
  ...mambas,
  ...qwen35s,
  cohere2,
  deci,
  afmoe,
  arctic,
  cohere2Moe,
  dbrx,
  ...deepseeks,
  dots3note,
  ernie,
  exaone4,
  falconH1,
  exaoneMoe,
  gemma,
  gemma2,
  gemma3,
  gemmaEmbedding,
  glm4,
  gpt2,
  glm4Moe,
  glm5Next,
  gptOss,
  granite,
  graniteSwa,
  graniteHybrid,
  hrmText,
  hunyuan,
  hyV4,
  jais,
  jamba,
  grok,
  groveMoe,
  laguna,
  llama4,
  maple,
  mellum,
  mimo2,
  kimiK3,
  kimiLinear,
  minimax01,
  minicpm,
  minicpm3,
  minimaxM3,
  mistral3,
  modernBert,
  mpt,
  museGlimmer,
  nemotronH,
  olmo2,
  olmoe,
  phi3,
  plamo3,
  plamo2,
  qwen3,
  refact,
  ...qwenMoe,
  smallThinker,
  smollm3,
  spark,
  ...sparseLlamas,
  talkie,
];

export const ARCHITECTURES: ReadonlyMap<string, Architecture> = new Map(
  all.flatMap((architecture) => architecture.names.map((name) => [name, architecture])),
);
