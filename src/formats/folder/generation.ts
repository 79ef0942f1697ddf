/** What a folder's generation_config.json recommends, in the words of GGUF: end tokens, and how tokens are drawn. */
import { type FolderConfig, float, type Json, type Keys } from './config.js';

/** Of several end tokens the first two have keys; the others are known by their texts. Types are those of a text's parts. */
export function specialIds({ bos_token_id: bos, eos_token_id: eos, type_vocab_size: types }: Json): Keys {
  const [first, second] = (Array.isArray(eos) ? eos : [eos]) as unknown[];
  return {
    ...(typeof bos === 'number' && { 'tokenizer.ggml.bos_token_id': bos }),
    ...(typeof first === 'number' && { 'tokenizer.ggml.eos_token_id': first }),
    ...(typeof second === 'number' && { 'tokenizer.ggml.eot_token_id': second }),
    ...(typeof types === 'number' && { 'tokenizer.ggml.token_type_count': types }),
  };
}

const drawing: Readonly<Record<string, string>> = {
  temperature: 'temp',
  top_k: 'top_k',
  top_p: 'top_p',
  min_p: 'min_p',
  repetition_penalty: 'penalty_repeat',
};

/** Nothing where tokens are not drawn: then the likeliest is taken, which is what is done anyway. */
export function drawingKeys(generation: Json, config: FolderConfig): Keys {
  if (generation.do_sample !== true) return {};
  const keys = Object.entries(drawing).flatMap(([name, key]) => {
    const value = generation[name] ?? null;
    if (value === null) return [];
    if (typeof value !== 'number' || !Number.isFinite(value))
      throw config.wrong(`generation_config, ${name}`, value, 'a number');
    return [[`general.sampling.${key}`, name === 'top_k' ? Math.round(value) : float(value)] as const];
  });
  return Object.fromEntries(keys);
}
