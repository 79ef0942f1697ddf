import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import type { GgufInput } from '#src/formats/gguf-writer.js';
import { writeGguf } from '#src/formats/gguf-writer.js';
import { deliberateError, tokenizerOf, tokenizerOfFile } from '../helpers/gguf.js';
import { sharedPath } from '../helpers/shared.js';
import { tinyModel } from '../helpers/tiny-model.js';

/** Lines of a JSONL file. */
function jsonLines<T>(path: string): T[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): T => JSON.parse(line));
}

const stories = sharedPath('models/stories260K/golden-greedy.jsonl');
const tinyLlama = sharedPath('models/llama-2-tiny-random.gguf');

describe.skipIf(stories === null)('stories260K', () => {
  interface Golden {
    readonly file: string;
    readonly prompt: string;
    readonly promptIds: readonly number[];
    readonly ids: readonly number[];
    readonly text: string;
  }

  it("gives llama.cpp's ids for every prompt and its text for every answer", async () => {
    const goldens = jsonLines<Golden>(stories!);
    for (const file of new Set(goldens.map((golden) => golden.file))) {
      const tokenizer = await tokenizerOfFile(sharedPath(`models/stories260K/${file}`)!);
      for (const golden of goldens.filter((other) => other.file === file)) {
        expect(tokenizer.encode(golden.prompt)).toEqual(golden.promptIds);
        expect(tokenizer.decode(golden.ids)).toBe(golden.text);
      }
    }
  });
});

describe.skipIf(tinyLlama === null)('the vocabulary of Llama 2', () => {
  it("gives llama.cpp's ids for every line, and the text back", async () => {
    const tokenizer = await tokenizerOfFile(tinyLlama!);
    for (const { text, ids } of jsonLines<{ text: string; ids: number[] }>(
      sharedPath('models/llama-2-tiny-random.tokens.jsonl')!,
    )) {
      expect(tokenizer.encode(text, { bos: false })).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
  });
});

interface ByteLevelVocabulary {
  readonly specials: Readonly<Record<string, number>>;
  readonly merges: string;
}
interface ByteLevelCase {
  readonly text: string;
  readonly special: boolean;
  readonly groups: readonly { readonly pre: readonly string[]; readonly ids: readonly number[] }[];
}

describe("byte-level BPE against llama.cpp's ids", () => {
  const [first, ...cases] = jsonLines<ByteLevelVocabulary | ByteLevelCase>(
    new URL('byte-level.golden.jsonl', import.meta.url).pathname,
  );
  const { specials, merges } = first as ByteLevelVocabulary;
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173 && byte < 256);
  const others = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !printable(byte));
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : 256 + others.indexOf(byte)),
  );
  const tokens = [
    ...bytes,
    ...merges.split('\n').map((merge) => merge.replace(' ', '')),
    ...Object.keys(specials),
  ];
  const fileWith = (pre: string) =>
    writeGguf(
      {
        'tokenizer.ggml.model': 'gpt2',
        'tokenizer.ggml.pre': pre,
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': tokens.map((text) => specials[text] ?? 1),
        'tokenizer.ggml.merges': merges.split('\n'),
      },
      [],
    );

  it.each(['llama-bpe', 'qwen2', 'gpt-2', 'smollm', 'default'])('%s', async (pre) => {
    const tokenizer = await tokenizerOf(fileWith(pre));
    for (const { text, special, groups } of cases as ByteLevelCase[]) {
      const golden = groups.find((group) => group.pre.includes(pre))!;
      // Qwen's own tokenizer brings text into normal form C, which llama.cpp leaves out.
      if (pre === 'qwen2' && text !== text.normalize('NFC')) continue;
      expect(tokenizer.encode(text, { special, bos: false }), JSON.stringify(text)).toEqual(golden.ids);
      if (!special) expect(tokenizer.decode(golden.ids)).toBe(text);
    }
  });

  it('names the pre-tokenisers it knows', async () => {
    const error = await deliberateError(() => tokenizerOf(fileWith('unheard-of')));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(
      /tokenizer.ggml.pre": got "unheard-of", expected one of llama-bpe, .*qwen2/,
    );
  });
});

describe('the tokenizer of the embedded model', () => {
  it('knows its fill-in-the-middle tokens and gives source code back', async () => {
    const tokenizer = await tokenizerOfFile(
      new URL('../../models/glint/glint-q8_0.gguf', import.meta.url).pathname,
    );
    const source = readFileSync(new URL(import.meta.url), 'utf8');
    const ids = tokenizer.encode(source, { bos: false });
    expect(tokenizer.decode(ids)).toBe(source);
    expect(ids.length).toBeLessThan(source.length / 2);
    const { prefix, suffix, middle } = tokenizer.fim!;
    const texts = '<|fim_prefix|><|fim_suffix|><|fim_middle|>';
    expect(tokenizer.encode(texts, { special: true, bos: false })).toEqual([prefix, suffix, middle]);
  });
});

const kinds = ['llama', 'gpt2'] as const;

describe.each(kinds)('any text through a %s tokenizer', (tokenizer) => {
  const made = tokenizerOf(tinyModel({ tokenizer, vocabSize: 1200 }));
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({
      unit: fc.constantFrom('the', 'ing', ' ', '  ', '\n', '7', '👩‍👩‍👧', 'é', '\u2581', '<s>', '<0x41>'),
      maxLength: 40,
    }),
  );

  it('comes back from its ids, all of them inside the vocabulary', async () => {
    const { encode, decode, vocabSize } = bound(await made);
    fc.assert(
      fc.property(anyText, (text) => {
        const ids = encode(text, { bos: false });
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize)).toBe(true);
        // SentencePiece has one sign for a space and for U+2581, so that the latter comes back as a space.
        // Qwen's pre-tokeniser brings text into normal form C.
        expect(decode(ids)).toBe(
          tokenizer === 'llama' ? text.replaceAll('\u2581', ' ') : text.normalize('NFC'),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('comes piece by piece as the whole does, with never half a character', async () => {
    const { decode, decoder, vocabSize } = bound(await made);
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: vocabSize - 1 }), { maxLength: 40 }),
        fc.boolean(),
        (ids, continues) => {
          const stream = decoder({ continues });
          const parts = [...ids.map((id) => stream.push(id)), stream.end()];
          expect(parts.join('')).toBe(decode(ids, { continues }));
          for (const part of parts) expect(part).not.toMatch(/\p{Surrogate}/u);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('holds back a character until its last byte is there, and gives U+FFFD for one that never ends', async () => {
    const { bytesOf, decoder, vocabSize } = bound(await made);
    const byteId = (byte: number) =>
      Array.from({ length: vocabSize }, (_, id) => id).find(
        (id) => bytesOf(id).length === 1 && bytesOf(id)[0] === byte,
      )!;
    const whole = decoder();
    expect([...Buffer.from('a😀')].map((byte) => whole.push(byteId(byte)))).toEqual(['a', '', '', '', '😀']);
    expect(whole.end()).toBe('');
    const half = decoder();
    expect(half.push(byteId(0xf0)) + half.push(byteId(0x9f))).toBe('');
    expect(half.end()).toBe('\ufffd');
    const broken = decoder();
    broken.push(byteId(0xf0));
    expect(broken.push(byteId(0x41))).toBe('\ufffdA');
  });

  it('takes lone surrogates for U+FFFD', async () => {
    const { encode } = bound(await made);
    expect(encode('a\ud800b\udc00')).toEqual(encode('a\ufffdb\ufffd'));
  });

  it('refuses ids outside the vocabulary', async () => {
    const { bytesOf, decode } = bound(await made);
    for (const id of [-1, 1200, 0.5, Number.NaN]) {
      expect((await deliberateError(() => bytesOf(id))).message).toMatch(/0 to 1199/);
    }
    expect((await deliberateError(() => decode([5, 4000]))).message).toMatch(/4000/);
  });

  // Quadratic merging would take hours for each of these, and a regular expression of V8 gives up on such words.
  it.each([
    ['letters', 'abcdefgh', 2_000_000],
    ['one letter', 'e', 200_000],
    ['spaces', ' ', 1_000_000],
    ['emoji', '😀', 200_000],
  ])('takes a word of many %s', async (_, unit, size) => {
    const { encode, decode } = bound(await made);
    const text = unit.repeat(size / Buffer.byteLength(unit));
    expect(decode(encode(text))).toBe(text);
  });
});

/** The methods of a tokenizer as functions. */
function bound(tokenizer: Awaited<ReturnType<typeof tokenizerOf>>) {
  return {
    vocabSize: tokenizer.vocabSize,
    encode: tokenizer.encode.bind(tokenizer),
    decode: tokenizer.decode.bind(tokenizer),
    decoder: tokenizer.decoder.bind(tokenizer),
    bytesOf: tokenizer.bytesOf.bind(tokenizer),
  };
}

/** A SentencePiece file with these tokens after the usual 259; special kinds by id. */
function pieces(
  texts: readonly string[],
  special: Readonly<Record<string, number>>,
  more: Readonly<Record<string, GgufInput>> = {},
) {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const tokens = ['<unk>', '<s>', '</s>', ...bytes, ...texts];
  return writeGguf(
    {
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.scores': Float32Array.from(tokens, (_, id) => -id),
      'tokenizer.ggml.token_type': tokens.map(
        (text, id) => special[text] ?? (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1),
      ),
      ...more,
    },
    [],
  );
}

describe('special tokens', () => {
  const file = pieces(['▁', 'a', 'b', '▁a', '<', 's>', '<tool>', '<|im_end|>'], {
    '<tool>': 4,
    '<|im_end|>': 3,
  });

  it('BOS goes in front once, also when the text starts with it', async () => {
    const { encode } = bound(await tokenizerOf(file));
    expect(encode('a')).toEqual([1, 262]);
    expect(encode('a', { bos: false })).toEqual([262]);
    expect(encode('<s>a', { special: true })).toEqual([1, 262]);
    expect(encode('<s><s>a', { special: true })).toEqual([1, 1, 262]);
    expect(encode('')).toEqual([1]);
  });

  it('control tokens are plain text unless asked for, user-defined ones always count', async () => {
    const { encode, decode } = bound(await tokenizerOf(file));
    const plain = encode('a<|im_end|><s>', { bos: false });
    expect(plain).not.toContain(266);
    expect(plain).not.toContain(1);
    expect(decode(plain)).toBe('a<|im_end|><s>');
    expect(encode('a<|im_end|><s>', { special: true, bos: false })).toEqual([262, 266, 1]);
    expect(encode('a<tool>b', { bos: false })).toEqual([262, 265, 259, 261]);
    expect(decode([262, 265, 266, 1])).toBe('a<tool>');
  });

  it('the longest token wins, wherever a shorter one begins', async () => {
    const texts = ['ab', 'abc', 'cda', 'a', '<a', '<ab>', 'ba', 'bb<'];
    const kinds = Object.fromEntries(texts.map((text) => [text, 4]));
    const bare = { 'tokenizer.ggml.add_space_prefix': false };
    const tokenizer = await tokenizerOf(pieces([...texts, 'b', 'c', 'd', '<', '>'], kinds, bare));
    // Token by token over the whole text, the longest first, as llama.cpp does it.
    const cut = (text: string): string[] =>
      texts
        .toSorted((a, b) => b.length - a.length || texts.indexOf(a) - texts.indexOf(b))
        .reduce(
          (parts, token) =>
            parts.flatMap((part) =>
              texts.includes(part)
                ? [part]
                : part.split(token).flatMap((rest, i) => (i > 0 ? [token, rest] : [rest])),
            ),
          [text],
        )
        .filter((part) => part !== '');
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', '<', '>'), maxLength: 30 }),
        (text) => {
          const parts = tokenizer
            .encode(text, { bos: false })
            .map((id) => tokenizer.decode([id], { continues: true }));
          const specials = (all: readonly string[]) => all.filter((part) => texts.includes(part));
          expect(parts.join('')).toBe(text);
          expect(specials(parts)).toEqual(specials(cut(text)));
        },
      ),
      { numRuns: 500, seed: 5 },
    );
  });

  it('the space that was put in front is taken off, unless the tokens go on a text', async () => {
    const tokenizer = await tokenizerOf(file);
    expect(tokenizer.decode([262])).toBe('a');
    expect(tokenizer.decode([1, 262, 262])).toBe('a a');
    expect(tokenizer.decode([262], { continues: true })).toBe(' a');
    expect(tokenizer.decode(tokenizer.encode('  a'))).toBe('  a');
    const bare = await tokenizerOf(
      pieces(['▁', 'a', '▁a'], {}, { 'tokenizer.ggml.add_space_prefix': false }),
    );
    expect(bare.encode('a', { bos: false })).toEqual([260]);
    expect(bare.decode([261])).toBe(' a');
  });

  it('end tokens come from the metadata and from well-known names', async () => {
    const named = await tokenizerOf(
      pieces(
        ['x', 'y', '<|eot_id|>', '<end_of_turn>'],
        {},
        { 'tokenizer.ggml.eos_token_id': 259, 'tokenizer.ggml.eot_token_id': 260 },
      ),
    );
    // The two named ones, and </s> and two more by their texts, which also stops them from being text.
    expect([...named.eosIds].sort((a, b) => a - b)).toEqual([2, 259, 260, 261, 262]);
    expect(named.bytesOf(261)).toHaveLength(0);
  });

  it('passes over an id that is no token, and says so', async () => {
    const tokenizer = await tokenizerOf(pieces(['a'], {}, { 'tokenizer.ggml.eos_token_id': 260 }));
    expect([...tokenizer.eosIds]).toEqual([2]);
    expect(tokenizer.warnings.join()).toMatch(/eos_token_id" is 260, which is no token of 260/);
  });

  it('EOS follows where the file wants it, wherever BOS may precede', async () => {
    const ends = await tokenizerOf(pieces(['▁a'], {}, { 'tokenizer.ggml.add_eos_token': true }));
    expect(ends.encode('a')).toEqual([1, 259, 2]);
    expect(ends.encode('a', { bos: false })).toEqual([259]);
  });

  it("Phi-3's special tokens take the white space behind them along", async () => {
    const phi = await tokenizerOf(
      pieces(['▁a', '▁', '<|user|>', '<|endoftext|>'], { '<|user|>': 3 }, { 'general.name': 'Phi3' }),
    );
    expect(phi.encode('<|user|> \n a', { special: true, bos: false })).toEqual([261, 259]);
    expect(phi.encode('<|endoftext|> a', { special: true, bos: false })).toEqual([262, 260, 259]);
  });

  it('fill-in-the-middle tokens come from the metadata, old keys, or well-known names', async () => {
    const texts = ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>', 'p', 's', 'm'];
    const fim = async (more: Record<string, GgufInput>, tokens = texts) =>
      (await tokenizerOf(pieces(tokens, {}, more))).fim;
    expect(await fim({})).toEqual({ prefix: 259, suffix: 260, middle: 261 });
    const keys = (a: string, b: string, c: string) => ({
      [`tokenizer.ggml.${a}`]: 262,
      [`tokenizer.ggml.${b}`]: 263,
      [`tokenizer.ggml.${c}`]: 264,
    });
    expect(await fim(keys('fim_pre_token_id', 'fim_suf_token_id', 'fim_mid_token_id'))).toEqual({
      prefix: 262,
      suffix: 263,
      middle: 264,
    });
    expect(await fim(keys('prefix_token_id', 'suffix_token_id', 'middle_token_id'))).toEqual({
      prefix: 262,
      suffix: 263,
      middle: 264,
    });
    expect(await fim({}, ['p', 's', 'm'])).toBeNull();
  });
});

describe('broken vocabularies', () => {
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['no tokenizer at all', writeGguf({}, []), /"tokenizer.ggml.tokens": got no such key/],
    [
      'another kind',
      pieces([], {}, { 'tokenizer.ggml.model': 'hybriddna' }),
      /got "hybriddna", expected one of llama, gpt2, .*plamo2/,
    ],
    ['a token twice', pieces(['a', 'a'], {}), /"a" as token 259 and as token 260/],
    [
      'scores for some only',
      pieces(['a'], {}, { 'tokenizer.ggml.scores': Float32Array.of(1) }),
      /1 entries, expected one for each of 260/,
    ],
    ['a byte token that is none', pieces(['a'], { a: 6 }), /"a" as byte token 259/],
    [
      'merges missing',
      pieces([], {}, { 'tokenizer.ggml.model': 'gpt2' }),
      /"tokenizer.ggml.merges": got no such key/,
    ],
  ];
  it.each(cases)('%s', async (_, file, message) => {
    const error = await deliberateError(() => tokenizerOf(file));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
  });
});
