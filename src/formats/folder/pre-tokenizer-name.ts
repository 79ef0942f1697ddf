/** The name that GGUF has for a folder's pre-tokeniser: `tokenizer.ggml.pre`. */
import { preTokenizers } from '../tokenizers/pre-tokenizers.js';
import { isJson, type Json } from './config.js';

/** Null where GGUF has no name for it. */
export function preTokenizerName(
  pre: Json | null,
  normalizer: Json | null,
  ignoresMerges: boolean,
): string | null {
  const patterns = patternsOf(pre)?.map(plain);
  const nfc = normalizer?.type === 'NFC';
  if (patterns === undefined || (normalizer !== null && !nfc)) return null;
  for (const entry of preTokenizers) {
    if (entry.plainText || entry.patterns.map(plain).join('\n') !== patterns.join('\n')) continue;
    const name = entry.names.find(
      (each) =>
        (entry.nfc?.includes(each) ?? false) === nfc &&
        (entry.ignoreMerges?.includes(each) ?? false) === ignoresMerges,
    );
    if (name !== undefined) return name;
  }
  return null;
}

/** The patterns of a pre-tokeniser, one after the other; undefined where it does something else. */
function patternsOf(pre: Json | null): readonly string[] | undefined {
  if (pre?.type === 'Sequence' && Array.isArray(pre.pretokenizers)) {
    const parts = pre.pretokenizers.map((part: unknown) => (isJson(part) ? patternsOf(part) : undefined));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  }
  if (pre?.type === 'Split' && pre.behavior === 'Isolated' && pre.invert !== true) {
    const regex = isJson(pre.pattern) ? pre.pattern.Regex : undefined;
    return typeof regex === 'string' ? [regex] : undefined;
  }
  if (pre?.type === 'Digits' && pre.individual_digits === true) return ['\\p{N}'];
  if (pre?.type !== 'ByteLevel' || pre.add_prefix_space === true) return undefined;
  const gpt2 = preTokenizers.find(({ names }) => names.includes('gpt-2'))!;
  return pre.use_regex === false ? [] : gpt2.patterns;
}

/** Some write the cases of a contraction out, others ask for any. */
function plain(pattern: string): string {
  const anyCase = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
  return pattern.replaceAll("(?i:'s|'t|'re|'ve|'m|'ll|'d)", anyCase);
}
