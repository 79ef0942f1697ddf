/** Every architecture: the runtime computes what the float64 interpreter says, with the same bits for any crew and cut. */
import { describe, expect, it } from 'vitest';
import { ARCHITECTURES } from '#models/architectures/index.js';
import { interpret } from '#models/interpreter/index.js';
import { readGguf } from '#src/formats/gguf.js';
import { readModel } from '#src/formats/model-file.js';
import { readTensors } from '#src/formats/model-weights.js';
import { bytesSource } from '#src/formats/source.js';
import { type SmallModel, smallModel } from '../helpers/architecture.js';
import { encoders } from '../helpers/encoders.js';
import { bitsOf, withEngine } from '../helpers/engine.js';
import { temporaryFile } from '../helpers/tiny-model.js';

const float = (value: number) => ({ type: 'f32' as const, value });
const gate = /ffn_gate\.weight/;

/** Three layers of which the second does not attend. */
const hybrid = {
  block_count: 3,
  'attention.head_count_kv': [2, 0, 2],
};
const ssm = {
  'ssm.inner_size': 96,
  'ssm.conv_kernel': 4,
  'ssm.state_size': 10,
  'ssm.time_step_rank': 6,
  'ssm.group_count': 2,
};
const counts = {
  expert_count: 6,
  expert_used_count: 3,
  expert_feed_forward_length: 40,
  leading_dense_block_count: 0,
};
const grouped = {
  expert_gating_func: 2,
  expert_weights_scale: float(1.5),
  expert_group_count: 3,
  expert_group_used_count: 2,
};
const windows = { 'attention.sliding_window': 9, block_count: 4, 'attention.sliding_window_pattern': 3 };
const yarn = {
  'rope.scaling.type': 'yarn',
  'rope.scaling.factor': float(4),
  'rope.scaling.original_context_length': 32,
};
const latent = {
  'attention.head_count_kv': 4,
  'attention.q_lora_rank': 20,
  'attention.kv_lora_rank': 24,
  'attention.key_length': 24,
  'attention.value_length': 12,
  'attention.key_length_mla': 24,
  'attention.value_length_mla': 12,
  'rope.dimension_count': 8,
};
const localLatent = {
  'attention.kv_lora_rank_swa': 28,
  'attention.key_length_mla_swa': 20,
  'attention.value_length_mla_swa': 16,
};
const indexer = { 'attention.indexer.top_k': 128 };

/** A model with experts; `has` are tensors besides those of every router and expert. */
function sparse(architecture: string, has = /^$/, keys: SmallModel['keys'] = {}): SmallModel {
  const tensors = new RegExp(
    `ffn_gate_inp\\.weight|ffn_(gate|up)_exps\\.weight|ffn_gate_chexps|${has.source}`,
  );
  const scales = {
    logit_scale: float(0.5),
    expert_group_scale: float(0.5),
    experts_per_group: 1,
    'attention.clamp_kqv': float(1),
  };
  return { architecture, has: tensors, keys: { ...counts, ...scales, ...keys } };
}

const mixture = {
  expert_count: 5,
  expert_used_count: 2,
  expert_feed_forward_length: 40,
  expert_shared_feed_forward_length: 24,
};
const delta = { ...ssm, ...mixture, 'ssm.state_size': 16, 'attention.recurrent_layers': [1, 0] };

/** Latent attention without positions beside delta nets. */
const nope = {
  'attention.kv_lora_rank': 20,
  'attention.key_length_mla': 18,
  'attention.value_length_mla': 12,
  'rope.dimension_count': 6,
  'ssm.conv_kernel': 4,
  'kda.head_dim': 12,
};
const clamps = { swiglu_clamp_exp: Float32Array.of(0, 0.5, 0.75), swiglu_clamp_shexp: float(0.5) };
const streams = { 'hyper_connection.count': 4, 'hyper_connection.epsilon': float(1e-6) };

/** One small model each; an architecture with variants has several. */
const models: readonly SmallModel[] = [
  { architecture: 'llama', has: gate },
  { architecture: 'llama', has: /ffn_gate\.weight|^output\.weight|rope_freqs|(attn|ffn)_\w+\.bias/ },
  {
    architecture: 'llama',
    has: gate,
    keys: {
      'rope.scaling.type': 'yarn',
      'rope.scaling.factor': float(4),
      'rope.scaling.original_context_length': 32,
    },
  },
  { architecture: 'internlm2', has: gate },
  { architecture: 'xverse', has: gate },
  { architecture: 'ernie4_5', has: gate },
  { architecture: 'nanbeige', has: gate },
  { architecture: 'qwen2', has: /ffn_gate\.weight|attn_[qkv]\.bias/ },
  { architecture: 'qwen2vl', has: /ffn_gate\.weight|attn_[qkv]\.bias/ },
  { architecture: 'exaone', has: gate },
  { architecture: 'pangu-embedded', has: /ffn_gate\.weight|attn_\w+\.bias/ },
  { architecture: 'seed_oss', has: /ffn_gate\.weight|attn_[qkv]\.bias/ },
  { architecture: 'qwen3', has: gate },
  { architecture: 'qwen3vl', has: gate },
  { architecture: 'gemma', has: gate },
  { architecture: 'gemma2', has: gate, keys: { 'attention.sliding_window': 9 } },
  {
    architecture: 'gemma3',
    has: gate,
    keys: { 'attention.sliding_window': 9, 'rope.freq_base': float(1e6) },
  },
  { architecture: 'phi3', has: /attn_qkv|rope_factors/ },
  { architecture: 'smollm3', has: gate, keys: { block_count: 4 } },
  {
    architecture: 'granite',
    has: gate,
    keys: {
      logit_scale: float(4),
      residual_scale: float(0.5),
      embedding_scale: float(6),
      'attention.scale': float(0.125),
    },
  },
  {
    architecture: 'granite_swa',
    has: /ffn_gate\.weight|attn_sinks/,
    keys: {
      logit_scale: float(4),
      'attention.sliding_window': 9,
      'attention.sliding_window_pattern': [1, 0],
      'attention.rope_pattern': [1, 0],
    },
  },
  { architecture: 'minicpm', has: gate },
  { architecture: 'olmo2', has: gate, keys: { 'attention.sliding_window': 7, block_count: 4 } },
  { architecture: 'exaone4', has: gate },
  { architecture: 'glm4', keys: { 'rope.dimension_count': 8 } },
  {
    architecture: 'cohere2',
    has: gate,
    keys: { 'attention.sliding_window': 11, logit_scale: float(0.25), block_count: 4 },
  },
  {
    architecture: 'mistral3',
    has: gate,
    keys: { 'attention.temperature_scale': float(0.5), 'rope.scaling.original_context_length': 16 },
  },
  { architecture: 'hunyuan-dense', has: gate },
  { architecture: 'hunyuan_vl', has: gate },
  { architecture: 'chatglm', has: /attn_qkv/ },
  { architecture: 'arcee' },
  { architecture: 'maincoder', has: gate },
  { architecture: 'openelm', has: /ffn_gate\.weight|attn_qkv/, keys: { 'attention.head_count': [4, 2] } },
  { architecture: 'plamo', has: gate },
  { architecture: 'plamo3', has: /attn_qkv/, keys: { 'attention.sliding_window': 10, block_count: 8 } },
  {
    architecture: 'qwen',
    has: /ffn_gate\.weight|attn_qkv/,
    keys: { embedding_length: 64, 'attention.head_count_kv': 4 },
  },
  {
    architecture: 'deci',
    has: gate,
    keys: {
      block_count: 4,
      'attention.head_count': [4, 4, 0, 4],
      'attention.head_count_kv': [2, 0, 0, 2],
      feed_forward_length: [80, 80, 80, 0],
      embedding_length: 64,
    },
  },
  { architecture: 'gpt2', has: /attn_qkv|bias/ },
  { architecture: 'starcoder', has: /attn_qkv|bias/ },
  { architecture: 'bloom', has: /attn_qkv|bias/ },
  { architecture: 'jais', has: /ffn_gate\.weight|bias/, keys: { 'attention.max_alibi_bias': float(8) } },
  { architecture: 'baichuan', has: gate },
  // -1: the file does not say how to pool.
  {
    architecture: 'gptneox',
    has: /bias/,
    keys: { use_parallel_residual: true, pooling_type: 2 ** 32 - 1 },
  },
  { architecture: 'gptneox', has: /bias/, keys: { use_parallel_residual: false, 'rope.dimension_count': 4 } },
  { architecture: 'falcon', has: /attn_norm_2\.weight|attn_qkv|norm\.bias/ },
  { architecture: 'falcon', has: /norm\.bias/, keys: { 'attention.head_count_kv': 1 } },
  { architecture: 'phi2', has: /bias/ },
  { architecture: 'starcoder2', has: /bias/ },
  { architecture: 'codeshell', has: /bias/ },
  { architecture: 'nemotron', has: /bias/ },
  { architecture: 'jais2', has: /bias/ },
  { architecture: 'orion', has: /ffn_gate\.weight|norm\.bias/ },
  { architecture: 'stablelm', has: /ffn_gate\.weight|ffn_norm\.weight/ },
  { architecture: 'stablelm', has: gate },
  { architecture: 'command-r', has: gate, keys: { logit_scale: float(0.0625) } },
  { architecture: 'lfm2', has: gate, keys: { ...hybrid, 'shortconv.l_cache': 3 } },
  { architecture: 'mamba', keys: { ...ssm, 'ssm.time_step_rank': 3 } },
  { architecture: 'mamba', keys: { ...ssm, 'ssm.time_step_rank': 3, 'ssm.dt_b_c_rms': true } },
  { architecture: 'mamba2', has: /ssm_norm|conv1d/, keys: ssm },
  { architecture: 'granitehybrid', has: /ffn_gate\.weight|ssm_norm/, keys: { ...ssm, ...hybrid } },
  { architecture: 'jamba', has: /ffn_gate\.weight|ssm_\w+_norm\.weight/, keys: { ...ssm, ...hybrid } },
  {
    architecture: 'nemotron_h',
    has: /ssm_norm/,
    keys: { ...ssm, ...hybrid, feed_forward_length: [0, 0, 80] },
  },
  {
    architecture: 'nemotron_h_moe',
    has: /ssm_norm|attn_qkv/,
    keys: { ...ssm, ...hybrid, feed_forward_length: [80, 0, 0] },
  },
  { architecture: 'plamo2', has: /attn_qkv/, keys: { ...ssm, ...hybrid } },
  { architecture: 'falcon-h1', has: /ffn_gate\.weight|ssm_norm/, keys: ssm },
  {
    architecture: 'qwen35',
    has: gate,
    keys: { ...ssm, 'ssm.state_size': 16, 'attention.recurrent_layers': [1, 0] },
  },
  // Mixtures of experts, whose keys are those of `sparse` and what is said here.
  ...[
    'llama',
    'qwen3moe',
    'qwen3vlmoe',
    'olmoe',
    'granitemoe',
    'phimoe',
    'dbrx',
    'grok',
    'arctic',
    'grovemoe',
  ].map((architecture) => sparse(architecture)),
  ...['bailingmoe', 'deepseek', 'hunyuan-moe', 'qwen2moe'].map((architecture) =>
    sparse(architecture, /_shexp/),
  ),
  ...['bailingmoe2', 'dots1', 'glm4moe', 'hy_v3', 'minimax-m2', 'ernie4_5-moe'].map((architecture) =>
    sparse(architecture, /exp_probs_b\.bias|_shexp/, grouped),
  ),
  ...['afmoe', 'exaone-moe', 'laguna', 'cohere2moe'].map((architecture) =>
    sparse(architecture, /exp_probs_b\.bias|_shexp/, { ...grouped, ...windows }),
  ),
  ...['gpt-oss', 'llama4', 'maple', 'mellum', 'smallthinker'].map((architecture) =>
    sparse(architecture, /exps\.bias|ffn_gate_inp\.bias/, windows),
  ),
  ...['deepseek2', 'mistral4'].map((architecture) => sparse(architecture, /attn_k_b|attn_q_a\./, latent)),
  sparse('deepseek2', /_shexp/, { ...latent, ...yarn, 'rope.scaling.yarn_log_multiplier': float(0.0707) }),
  ...['deepseek32', 'glm-dsa'].map((architecture) =>
    sparse(architecture, /attn_k_b/, { ...latent, ...indexer }),
  ),
  sparse('dots3note', /attn_k_b/, { ...latent, ...indexer, ...windows, ...localLatent }),
  sparse('minimax-m3', /_shexp/, { ...indexer, 'attention.indexer.block_size': 4 }),
  { architecture: 'minicpm3', has: /ffn_gate\.weight|attn_q_a\./, keys: latent },
  sparse('mimo2', /attn_sinks|exp_probs_b/, windows),
  {
    architecture: 'olmo',
    has: /ffn_gate\.weight|attn_[qkv]\.bias/,
    keys: { 'attention.clamp_kqv': float(0.5) },
  },
  {
    architecture: 'mpt',
    has: /attn_qkv|bias|act\.scales|position_embd|attn_q_norm\.weight/,
    keys: { 'attention.max_alibi_bias': float(8), 'attention.clamp_kqv': float(1) },
  },
  { architecture: 'cogvlm', has: /ffn_gate\.weight|attn_qkv/, keys: { embedding_length: 64 } },
  { architecture: 'talkie', has: gate, keys: { logit_scale: float(0.5) } },
  {
    architecture: 'hrm_text',
    has: gate,
    keys: { block_count: 12, 'hrm.layers_per_stack': 2, 'hrm.h_cycles': 2, 'hrm.l_cycles': 2 },
  },
  {
    architecture: 'muse-glimmer',
    has: gate,
    keys: { ...windows, logit_scale: float(0.5), final_logit_softcapping: float(30) },
  },
  { architecture: 'spark2_5', has: gate, keys: windows },
  { architecture: 'refact', has: /ffn_(gate|up)\.weight/ },
  { architecture: 'paddleocr', has: gate },
  {
    architecture: 'lfm2moe',
    has: /blk\.[12]\.(ffn_gate_inp\.weight|ffn_gate_exps|exp_probs_b\.bias)|blk\.0\.ffn_gate\.weight/,
    keys: { ...mixture, ...hybrid, 'shortconv.l_cache': 4, expert_gating_func: 2 },
  },
  { architecture: 'qwen35moe', has: /ffn_(gate_inp|gate_up_exps|up_shexp|gate_shexp)/, keys: delta },
  { architecture: 'qwen3next', has: /ffn_(gate_inp|gate_exps)|attn_qkv/, keys: delta },
  { architecture: 'qwen3next', has: /ffn_(gate_inp|gate_exps)/, keys: delta },
  {
    architecture: 'jamba',
    has: /ssm_\w+_norm\.weight|blk\.1\.ffn_gate_(inp\.weight|exps)|blk\.[02]\.ffn_gate\.weight/,
    keys: { ...mixture, ...ssm, ...hybrid },
  },
  {
    architecture: 'nemotron_h_moe',
    has: /ssm_norm|blk\.2\.ffn_(gate_inp\.weight|up_exps|latent_down)/,
    keys: { ...mixture, ...ssm, ...hybrid, feed_forward_length: [0, 0, 80], moe_latent_size: 20 },
  },
  {
    architecture: 'kimi-linear',
    has: /blk\.0\.ffn_gate\.weight|blk\.[12]\.(ffn_(gate_inp\.weight|gate_exps|up_shexp|gate_shexp))|attn_[kv]_b/,
    keys: {
      ...mixture,
      ...hybrid,
      ...nope,
      expert_gating_func: 2,
    },
  },
  {
    architecture: 'bailingmoe3',
    has: /blk\.0\.ffn_gate\.weight|blk\.[12]\.(ffn_(gate_inp\.weight|gate_exps|up_shexp|gate_shexp))|attn_[kv]_b|ssm_[fg]_a/,
    keys: { ...mixture, ...hybrid, ...nope, ...clamps, 'kda.gate_lower_bound': float(-5) },
  },
  {
    architecture: 'kimi-k3',
    has: /blk\.0\.ffn_gate\.weight|blk\.[12]\.(ffn_(gate_inp\.weight|gate_exps|up_shexp|gate_shexp|routed_\w+\.weight))|attn_[kv]_b|ssm_g\.|ssm_f_[ab]/,
    keys: {
      ...mixture,
      ...hybrid,
      ...nope,
      'kda.gate_lower_bound': float(-5),
      expert_latent_length: 28,
      'attn_res.block_size': 2,
      'activation.situ_beta': float(4),
      'activation.situ_linear_beta': float(25),
    },
  },
  {
    architecture: 'hy_v4',
    has: /blk\.0\.ffn_gate\.weight|blk\.[12]\.(ffn_(gate_inp\.weight|gate_exps|up_shexp|gate_shexp))|attn_[kv]_b|attn_q_a\./,
    keys: {
      ...mixture,
      ...latent,
      ...clamps,
      ...indexer,
      ...streams,
      block_count: 3,
      'hyper_connection.magnitude': float(2),
    },
  },
  {
    architecture: 'glm5-next',
    has: /blk\.0\.ffn_gate\.weight|blk\.[12]\.(ffn_(gate_inp\.weight|gate_exps|up_shexp|gate_shexp))|attn_[kv]_b|ssm_[fg]_[ab]/,
    keys: {
      ...mixture,
      ...hybrid,
      ...nope,
      ...clamps,
      ...indexer,
      ...streams,
      'rope.dimension_count': 0,
      'hyper_connection.sinkhorn_iterations': 3,
    },
  },
  {
    architecture: 'minimax-01',
    has: /ffn_(gate_inp\.weight|gate_exps)/,
    keys: { ...mixture, residual_scale: float(1.5), 'attention.recurrent_layers': [1, 0] },
  },
];

const ids = Array.from({ length: 45 }, (_, i) => 3 + ((i * 37) % 256));
/** Rounding of f32 through a few layers, against float64; in parts of the largest logit. */
const tolerance = 2e-4;

const nameOf = ({ architecture }: SmallModel, i: number): string =>
  models.findIndex((model) => model.architecture === architecture) === i
    ? architecture
    : `${architecture}, variant ${i}`;

describe.each(models.map((model, i) => [nameOf(model, i), model] as const))('%s', (_, model) => {
  it('has the logits of the interpreter, and the same bits for any crew and cut of the prompt', async () => {
    const bytes = await smallModel(model);
    const file = await readGguf(bytesSource(bytes));
    const { model: described, tensors } = readModel(file);
    const expected = interpret(described.ops, await readTensors(file, tensors), ids);
    const path = temporaryFile(bytes);
    const lengths = [1, 12, ids.length];
    const runs = [{ workers: 1 }, { workers: 3, prefillChunk: 7 }];
    const results: Float32Array[][] = [];
    for (const options of runs) {
      results.push(
        await withEngine(path, { ...options, kvType: 'f32' }, async (engine) => {
          const logits: Float32Array[] = [];
          for (const length of lengths) logits.push(await engine.logits(ids.slice(0, length)));
          return logits;
        }),
      );
    }
    for (const [i, length] of lengths.entries()) {
      const wanted = expected[length - 1]!;
      const largest = wanted.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const off = wanted.reduce((most, x, id) => Math.max(most, Math.abs(x - results[0]![i]![id]!)), 0);
      expect(off, `after ${length} tokens`).toBeLessThan(tolerance * largest);
      for (const other of results.slice(1)) expect(bitsOf(other[i]!)).toEqual(bitsOf(results[0]![i]!));
    }
  });
});

it('covers every architecture', () => {
  const covered = new Set([...models, ...encoders].map(({ architecture }) => architecture));
  expect([...ARCHITECTURES.keys()].filter((name) => !covered.has(name))).toEqual([]);
});
