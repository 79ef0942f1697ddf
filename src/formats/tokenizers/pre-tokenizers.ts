/**
 * How text is cut into words before byte-pair merges, for every name of `tokenizer.ggml.pre`: data. Where a model's
 * converter and its reference runtime differ from the model's own tokenizer.json, the runtime's cuts are given, since files
 * with these names were made for it; NFC is what the tokenizer.json files say.
 */
import { FormatError } from '../../core/errors.js';
import { CharClass, unicodeProperty } from './char-class.js';
import { Pattern } from './pattern.js';
import type { SplitStep } from './splitter.js';

export interface PreTokenizer {
  /** Patterns one after the other, every match a word of its own; {@link digitsByThree} stands for itself. */
  readonly patterns: readonly string[];
  /** Names in `tokenizer.ggml.pre`. */
  readonly names: readonly string[];
  /** Names whose vocabularies take a word that is a token as it is, whatever the merges say. */
  readonly ignoreMerges?: readonly string[];
  /** Names that start with BOS when the file does not say. */
  readonly addBos?: readonly string[];
  /** Tokens are UTF-8 with U+2581 for spaces and `<0x0A>` for other bytes, where the usual ones have a letter per byte. */
  readonly plainText?: boolean;
  /** Names whose text is brought into Unicode's normal form C first. */
  readonly nfc?: readonly string[];
}

/** In place of a pattern: digits in groups of three from the right. */
const digitsByThree = 'digits by three';

const contractions = "'s|'t|'re|'ve|'m|'ll|'d";
const anyCase = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const blanks = '\\s+(?!\\S)|\\s+';
const lines = `\\s*[\\r\\n]+|${blanks}`;
const gpt2 = `${contractions}| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|${blanks}`;
/** The pattern of Llama 3 and its kin, which differ in how many digits go together and how blanks do. */
const modern = (digits: string, end = lines) =>
  `${anyCase}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${end}`;
const llama3 = modern('\\p{N}{1,3}');
const qwen2 = modern('\\p{N}');
/** The patterns that know upper and lower case: a word is some of the first set and then some of the second. */
const cased = (upper: string, lower: string, suffix: string, digits: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${upper}*${lower}+${suffix}|[^\\r\\n\\p{L}\\p{N}]?${upper}+${lower}*${suffix}|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${lines}`;
const notLower = '[\\p{L}&&[^a-z]]';
const notUpper = '[\\p{L}&&[^A-Z]]';
const marked = '[\\p{L}\\p{M}]';
const han =
  '\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\x{20000}-\\x{2a6df}\\x{2a700}-\\x{2ebef}\\x{2f800}-\\x{2fa1f}';
const notHan = `[\\p{L}&&[^${han}]]`;
const punctuated = `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+`;
const kanaAndHan = '[一-龥\\u3040-ゟ゠-ヿ]+';
const asiaOfDeepSeek = '[一-龥\\u0800-一가-\\ud7ff&&\\S]+';
/** Letters of DeepSeek's first models: those with case, as Unicode 13 had them. */
const deepSeekLetters =
  'A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\\u1f7dᾀ-ᾴᾶ-ᾼ\\u1fbeῂ-ῄῆ-ῌῐ-\\u1fd3ῖ-\\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\\u2126ℨ\\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃';
const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+';

/** Sources: the tokenizer.json files of the models named; the names are those of llama.cpp's converter. */
export const preTokenizers: readonly PreTokenizer[] = [
  {
    names: [
      ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
      ...['jina-v5-nano', 'glm4', 'glm5', 'dbrx', 'smaug-bpe', 'chatglm-bpe'],
    ],
    patterns: [llama3],
    ignoreMerges: [
      ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
      ...['jina-v5-nano', 'glm4', 'glm5'],
    ],
    addBos: [
      ...['llama-bpe', 'llama3', 'llama-v3', 'falcon3', 'falcon-h1', 'pixtral', 'midm-2.0', 'lfm2'],
      'jina-v5-nano',
    ],
  },
  {
    names: [
      ...['qwen2', 'deepseek-r1-qwen', 'kormo', 'f2llmv2', 'stablelm2', 'megrez', 'bailingmoe'],
      ...['bailingmoe2', 'llada-moe', 'hunyuan', 'grok-2', 'solar-open'],
    ],
    patterns: [qwen2],
    nfc: ['qwen2'],
  },
  {
    names: ['qwen35'],
    patterns: [
      `${anyCase}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${lines}`,
    ],
    nfc: ['qwen35'],
  },
  {
    names: [
      ...['gpt-2', 'mpt', 'phi-2', 'jina-es', 'jina-de', 'gigachat', 'jina-v2-es', 'jina-v2-de', 'a.x-4.0'],
      ...['mellum', 'modern-bert', 'jina-v1-en', 'jina-v2-code', 'roberta-bpe', 'olmo', 'jais', 'exaone4'],
      ...['trillion', 'granite-docling'],
    ],
    patterns: [gpt2],
  },
  {
    names: [
      ...['smollm', 'starcoder', 'refact', 'command-r', 'codeshell', 'exaone', 'minerva-7b', 'mellum2'],
    ],
    patterns: ['\\p{N}', gpt2],
  },
  { names: ['default'], patterns: ['[\\p{P}\\$\\+<=>\\^~\\|]+', gpt2, '\\p{N}+', '[0-9][0-9][0-9]'] },
  { names: ['falcon'], patterns: ['[\\p{P}\\$\\+<=>\\^~\\|`]+', gpt2, '[0-9][0-9][0-9]'] },
  {
    names: ['jais-2'],
    patterns: [
      modern(
        '\\p{N}{1,3}',
        `\\s*[\\r\\n]+|${[512, 256, 128, 64, 32, 16, 8, 4].map((n) => `\\s{${n}}(?!\\S)|`).join('')}\\s{1,2}(?!\\S)|\\s{1}`,
      ),
    ],
  },
  { names: ['minicpm5'], patterns: ['\\p{N}{1,3}', modern('\\p{N}+')], ignoreMerges: ['minicpm5'] },
  {
    names: ['deepseek-llm'],
    patterns: [
      ...['[\\r\\n]', `\\s?[${deepSeekLetters}]+`, '\\s?[!-/:-~！-／：-～‘-‟\\u3001-。]+', '\\s+$'],
      ...[asiaOfDeepSeek, '\\p{N}+'],
    ],
  },
  {
    names: ['deepseek-coder'],
    patterns: ['[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', asiaOfDeepSeek, '\\p{N}'],
  },
  {
    names: ['deepseek-v3', 'hunyuan-dense', 'hy_v4', 'joyai-llm'],
    patterns: ['\\p{N}{1,3}', kanaAndHan, `${punctuated}| ?[\\p{P}\\p{S}]+[\\r\\n]*|${lines}`],
  },
  {
    names: ['spark2_5'],
    patterns: ['\\p{N}{1,3}', kanaAndHan, `${punctuated}| ?[\\p{P}\\p{S}]+|[\\r\\n]|${blanks}`, '\\p{N}'],
  },
  {
    names: ['youtu'],
    patterns: [
      '[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥\\u3040-ゟ゠-ヿ]+',
      cased(marked, marked, `${anyCase}?`, '\\p{N}'),
    ],
    ignoreMerges: ['youtu'],
  },
  { names: ['poro-chat', 'bloom', 'gpt3-finnish'], patterns: [bloom] },
  { names: ['viking'], patterns: [bloom, '\\p{N}'] },
  {
    names: ['tekken'],
    patterns: [cased(notLower, notUpper, '', '\\p{N}')],
    ignoreMerges: ['tekken'],
    addBos: ['tekken'],
  },
  {
    names: ['gpt-4o', 'llama4', 'kanana2', 'talkie', 'minimax-m2'],
    patterns: [cased(notLower, notUpper, `${anyCase}?`, '\\p{N}{1,3}')],
  },
  {
    names: ['granite-embed-multi-97m'],
    patterns: [cased('[\\p{L}\\p{M}&&[^a-z]]', '[\\p{L}\\p{M}&&[^A-Z]]', `${anyCase}?`, '\\p{N}{1,3}')],
    ignoreMerges: ['granite-embed-multi-97m'],
  },
  {
    names: ['tiny_aya', 'cohere2moe'],
    patterns: [digitsByThree, cased(marked, marked, `${anyCase}?`, '\\p{N}{1,3}')],
  },
  {
    names: ['chameleon'],
    patterns: [
      ...['<sentinel:[0-9]+>', '(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z', '([\\t\\n]|    |  )', '\\p{N}'],
      ...['[\\p{P}!-/:-@\\[-`{-~]', gpt2],
    ],
    addBos: ['chameleon'],
  },
  {
    names: ['kimi-k2'],
    patterns: [
      `[${han}]+|[^\\r\\n\\p{L}\\p{N}]?${notHan}+${anyCase}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${lines}`,
    ],
  },
  { names: ['superbpe'], patterns: ['\\p{N}+', digitsByThree] },
  {
    names: ['seed-coder'],
    patterns: [`${anyCase}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${lines}`],
  },
  {
    names: ['ufakzeka'],
    patterns: [`[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${lines}`],
  },
  {
    names: ['afmoe'],
    patterns: [
      digitsByThree,
      '[一-鿿㐀-䶿\\u8c48-\\ufaff\\u3040-ゟ゠-ヿ･-ﾟ⼀-\\u2fdf\\u0e40-\\u0e7f\\u0e80-\\u0eff\\u1780-\\u17ff\\u1000-\\u109f\\uaa60-\\uaa7f\\ua9e0-\\ua9ff가-\\ud7afᄀ-ᇿ]+',
      `${punctuated}| ?[\\p{P}\\p{S}]+[\\r\\n]*|${lines}`,
    ],
  },
  { names: ['laguna'], patterns: ['[^\\n]+|[\\n]+', qwen2] },
  {
    names: ['exaone-moe'],
    patterns: [
      `${anyCase}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}(?:[\\p{L}\\p{M}]+| \\p{L})*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|${lines}`,
    ],
  },
  {
    names: ['gemma4', 'granite-embed-multi-311m', 'sarvam-moe'],
    patterns: ['[^\\n]+|\\n+'],
    addBos: ['gemma4', 'granite-embed-multi-311m'],
    plainText: true,
  },
];

/** The entry with this name. Throws FormatError, with `what` in front, when there is none. */
export function preTokenizerOf(name: string, what: string): PreTokenizer {
  const entry = preTokenizers.find(({ names }) => names.includes(name));
  if (entry !== undefined) return entry;
  throw new FormatError({
    what,
    given: `"${name}"`,
    expected: `one of ${preTokenizers.flatMap(({ names }) => names).join(', ')}`,
    todo: 'Convert the model again with a current converter.',
  });
}

/** The steps that cut a text. */
export function splitStepsOf({ patterns, names }: PreTokenizer): SplitStep[] {
  return patterns.map((source) =>
    source === digitsByThree
      ? { kind: 'digits', digits: new CharClass(unicodeProperty('N')!) }
      : { kind: 'pattern', pattern: new Pattern(source, names[0]!), behavior: 'isolated' },
  );
}
