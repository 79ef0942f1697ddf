/** Where the tensors of a folder go: names that most families share, and the parts that families put together. */

import { rowsOf, shaped } from '../matrix.js';
import { as, at, every, flipped, half, type Names, plusOne, rows, turned } from './family.js';

/** Outside the layers, by any of their names. */
export const outside: Names = {
  embed_tokens: 'token_embd',
  wte: 'token_embd',
  embeddings: 'token_embd',
  embed_in: 'token_embd',
  wpe: at(
    'position_embd',
    as(({ shape }) => shape),
  ),
  norm: 'output_norm',
  ln_f: 'output_norm',
  norm_f: 'output_norm',
  final_layernorm: 'output_norm',
  final_layer_norm: 'output_norm',
  lm_head: 'output',
  embed_out: 'output',
};

export const attention: Names = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'self_attn.q_norm': 'attn_q_norm',
  'self_attn.k_norm': 'attn_k_norm',
};

/** Where GGUF has partners in RoPE as neighbours. */
export const pairs: Names = {
  'self_attn.q_proj': at('attn_q', turned),
  'self_attn.k_proj': at('attn_k', turned),
};

export const mlp: Names = {
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.gate_up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

export const experts: Names = {
  'mlp.gate': 'ffn_gate_inp',
  'mlp.gate.e_score_correction_bias': 'exp_probs_b.bias',
  'mlp.experts.#.gate_proj': 'ffn_gate_exps',
  'mlp.experts.#.up_proj': 'ffn_up_exps',
  'mlp.experts.#.down_proj': 'ffn_down_exps',
  // In one tensor, as newer folders may have them.
  'mlp.experts.gate_up_proj': [at('ffn_gate_exps.weight', half(0)), at('ffn_up_exps.weight', half(1))],
  'mlp.experts.down_proj': 'ffn_down_exps.weight',
  'mlp.shared_expert_gate': 'ffn_gate_inp_shexp',
  ...Object.fromEntries(
    ['mlp.shared_expert', 'mlp.shared_experts'].flatMap((stem) => [
      [`${stem}.gate_proj`, 'ffn_gate_shexp'],
      [`${stem}.up_proj`, 'ffn_up_shexp'],
      [`${stem}.down_proj`, 'ffn_down_shexp'],
    ]),
  ),
};

export const mixtralExperts: Names = {
  'block_sparse_moe.gate': 'ffn_gate_inp',
  'block_sparse_moe.e_score_correction_bias': 'exp_probs_b.bias',
  'block_sparse_moe.experts.#.w1': 'ffn_gate_exps',
  'block_sparse_moe.experts.#.w3': 'ffn_up_exps',
  'block_sparse_moe.experts.#.w2': 'ffn_down_exps',
};

export const llamaNorms: Names = {
  input_layernorm: 'attn_norm',
  post_attention_layernorm: 'ffn_norm',
};

export const llama: Names = { ...llamaNorms, ...attention, ...mlp };

/** gpt-oss: columns of gate and up take turns, and matrices lie transposed; its own files have blocks of MXFP4 instead. */
export const gptOssExperts: Names = {
  'mlp.router': 'ffn_gate_inp',
  'mlp.experts.gate_up_proj': [
    at('ffn_gate_exps.weight', (matrix, use) => everyRow(0)(flipped(matrix, use), use)),
    at('ffn_up_exps.weight', (matrix, use) => everyRow(1)(flipped(matrix, use), use)),
  ],
  'mlp.experts.gate_up_proj_bias': [
    at('ffn_gate_exps.bias', (matrix, use) => everyColumn(0)(matrix, use)),
    at('ffn_up_exps.bias', (matrix, use) => everyColumn(1)(matrix, use)),
  ],
  'mlp.experts.down_proj': at('ffn_down_exps.weight', flipped),
  'mlp.experts.down_proj_bias': at(
    'ffn_down_exps.bias',
    as(({ shape }) => shape),
  ),
  'mlp.experts.gate_up_proj_blocks': [
    at('ffn_gate_exps.weight', everyRow(0)),
    at('ffn_up_exps.weight', everyRow(1)),
  ],
  'mlp.experts.down_proj_blocks': 'ffn_down_exps.weight',
  'self_attn.sinks': 'attn_sinks.weight',
};

/** Every second row of each of a stack. */
function everyRow(which: 0 | 1): ReturnType<typeof every> {
  return (matrix, use) => {
    const [count, all, columns] = matrix.shape as [number, number, number];
    return shaped(every(which)(matrix, use), [count, all / 2, columns]);
  };
}

/** Every second element of each row of a small matrix. */
function everyColumn(which: 0 | 1): ReturnType<typeof every> {
  return (matrix, use) => {
    const [count, all] = matrix.shape as [number, number];
    const flat = as(() => [count * all, 1])(matrix, use);
    return as(() => [count, all / 2])(every(which)(flat, use), use);
  };
}

/** Queries, keys and values of a head lie together here, and all queries come first in GGUF. */
export const takingTurns = (part: 0 | 1 | 2): ReturnType<typeof rows> =>
  rows((config, matrix) => {
    const size = (matrix.shape.length > 1 ? rowsOf(matrix) : matrix.shape[0]!) / config.heads / 3;
    return [3 * size, part * size, size];
  });

/** Every norm of the names keeps its weight, not its bias, less one. */
export const lessOne = (names: Names): Names =>
  Object.fromEntries(
    Object.entries(names).flatMap(([name, target]) =>
      typeof target === 'string' && /norm/.test(target)
        ? [
            [`${name}.weight`, at(`${target}.weight`, plusOne)],
            [`${name}.bias`, `${target}.bias`],
          ]
        : [[name, target]],
    ),
  );
