/** tokenizer.json files of every kind give the ids that Hugging Face's tokenizers 0.23.3 gave (hub.golden.jsonl). */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FormatError } from '#src/core/errors.js';
import type { Json } from '#src/formats/folder/config.js';
import { readTokenizer } from '#src/formats/folder/tokenizer-json.js';
import { readGguf } from '#src/formats/gguf.js';
import { ggufView } from '#src/formats/gguf-view.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import type { Tokenizer } from '#src/formats/tokenizer-types.js';

interface Golden {
  readonly name: string;
  readonly tokenizer: Json;
  readonly cases: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

const lines = readFileSync(new URL('hub.golden.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const golden = lines.map((line) => JSON.parse(line) as Golden);

async function made(json: Json): Promise<Tokenizer> {
  const { metadata } = readTokenizer(json, 'tokenizer.json', 500);
  const view = ggufView('m', { 'general.architecture': 'llama', ...metadata }, new Map());
  return createTokenizer(await readGguf(view.source));
}

describe('a tokenizer.json', () => {
  it.each(golden)('$name', async ({ tokenizer, cases }) => {
    const own = await made(tokenizer);
    for (const { text, ids } of cases)
      expect(own.encode(text, { bos: false, special: true }), JSON.stringify(text)).toEqual(ids);
  });

  it('says what texts are put between', async () => {
    const [{ tokenizer }] = golden as [Golden];
    const special = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
    const single = [special('</s>'), { Sequence: { id: 'A' } }, special('<s>')];
    const special_tokens = { '<s>': { ids: [1] }, '</s>': { ids: [2] } };
    const own = await made({
      ...tokenizer,
      post_processor: {
        type: 'Sequence',
        processors: [{ type: 'TemplateProcessing', single, special_tokens }],
      },
    });
    const ids = own.encode('the');
    expect([ids[0], ids.at(-1)]).toEqual([2, 1]);
  });

  const base = golden.at(-1)!.tokenizer;
  const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated' });
  it.each([
    ['a normaliser of no kind', { normalizer: { type: 'Nothing' } }, /normalizer, type: got "Nothing"/],
    ['a pre-tokeniser of no kind', { pre_tokenizer: { type: 'X' } }, /pre_tokenizer, type: got "X"/],
    ['a pattern that is none', { pre_tokenizer: split('(') }, /pre_tokenizer Split/],
    ['a model of no kind', { model: { type: 'WordLevel' } }, /model: got "WordLevel"/],
    ['merges of three', { model: { ...(base.model as Json), merges: [['a', 'b', 'c']] } }, /merge 0/],
    ['an entry without a score', { model: { type: 'Unigram', vocab: [['a']] } }, /vocab, entry 0/],
    ['a list that is none', { added_tokens: [3] }, /added_tokens/],
  ])('with %s is refused with its place', async (_, change, message) => {
    await expect(made({ ...base, ...change })).rejects.toThrow(FormatError);
    await expect(made({ ...base, ...change })).rejects.toThrow(message);
  });

  it('with a pattern that takes for ever ends in an error', async () => {
    const own = await made({ ...base, pre_tokenizer: split('(a+)+$') });
    expect(() => own.encode(`${'a'.repeat(5000)}b`)).toThrow(FormatError);
  });
});
