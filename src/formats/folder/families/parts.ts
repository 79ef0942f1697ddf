/** What rows of several tables take. */
import { type FolderConfig, float, type Keys } from '../config.js';
import { at, type Family, half, type Names } from '../family.js';
import { experts, lessOne, llama, pairs } from '../names.js';

export const silu = { hidden_act: ['silu', 'swish'] };

export const expertKeys = (config: FolderConfig): Keys => ({
  expert_count: config.experts,
  expert_used_count: config.expertsUsed,
});

/** Experts of another size than a dense layer's MLP, and what all tokens share. */
export const fineExpertKeys = (config: FolderConfig): Keys => {
  const shared = config.count(['shared_expert_intermediate_size', 'moe_shared_expert_intermediate_size'], 0);
  return {
    ...expertKeys(config),
    expert_feed_forward_length: config.size('moe_intermediate_size'),
    ...(shared > 0 && { expert_shared_feed_forward_length: shared }),
  };
};

export const llamaFamily: Family = { architecture: 'llama', names: { ...llama, ...pairs }, only: silu };

export const qwenMoe: Names = { ...llama, ...experts };

export const granite = (config: FolderConfig): Keys => ({
  embedding_scale: float(config.number('embedding_multiplier', 1)),
  residual_scale: float(config.number('residual_multiplier', 1)),
  logit_scale: float(config.number('logits_scaling', 1)),
  'attention.scale': float(config.number('attention_multiplier', 1 / Math.sqrt(config.headDim))),
});

export const graniteExperts: Names = {
  'block_sparse_moe.router.layer': 'ffn_gate_inp',
  'block_sparse_moe.input_linear': [at('ffn_gate_exps', half(0)), at('ffn_up_exps', half(1))],
  'block_sparse_moe.output_linear': 'ffn_down_exps',
};

export const outputLessOne: Names = lessOne({ norm: 'output_norm' });
