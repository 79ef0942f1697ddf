/** Ids of conversations that grow: the same as without any memory of them, and faster. */
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import type { Tokenizer } from '#src/formats/tokenizer-types.js';
import { PromptCache } from '#src/server/road/prompt-cache.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { tokenizerOf } from '../helpers/gguf.js';
import { tinyModel } from '../helpers/tiny-model.js';

interface Turn {
  readonly role: 'user' | 'assistant';
  readonly content: string;
}

const closing = `{{ bos_token }}{% for message in messages %}[{{ message['role'] }}]
{{ message['content'] + eos_token + '\\n' }}
{%- endfor %}[assistant]
`;
/** Between a token that ends a turn and the next word there is nothing that a template could not leave out. */
const bare = `{% for message in messages %}{{ message['content'] + eos_token }}{% endfor %}`;

const withTemplate = (template: string): Promise<Tokenizer> =>
  tokenizerOf(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));

const turnsOf = (texts: readonly string[]): Turn[] =>
  texts.map((content, i) => ({ role: i % 2 === 0 ? 'user' : 'assistant', content }));

/** Texts with what could mislead a cut: ends of turns, halves of them, halves of characters, spaces at the edges. */
const content = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.constantFrom(
        '</s>',
        '<s>',
        '</s',
        '/s>',
        '<',
        ' ',
        '\n',
        '\ud83d',
        '\ude00',
        'ab ',
        '<unk>',
        '1234567',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

it.each([
  ['a template that closes turns', withTemplate(closing)],
  ['one with nothing between turns', withTemplate(bare)],
  ['a model without a template', tokenizerOf(tinyModel())],
  ['the null engine', Promise.resolve(new NullEngine().tokenizer)],
])('gives the ids of encoding everything, turn after turn, forks and edits included: %s', async (_, made) => {
  const tokenizer = await made;
  const cache = new PromptCache(tokenizer);
  const opening = `${'It is long enough to be kept. '.repeat(80)}`;
  const turns = fc.array(content, { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(turns, turns, fc.nat(), async (texts, others, at) => {
      const fork = [...texts.slice(0, at % texts.length), ...others];
      for (const all of [texts, fork])
        for (let count = 1; count <= all.length; count++) {
          const text = tokenizer.applyChatTemplate(turnsOf([opening, ...all.slice(0, count)]));
          expect(await cache.encode(text)).toEqual(tokenizer.encode(text, { special: true, bos: false }));
        }
    }),
    { numRuns: 60 },
  );
});

it('encodes only what is new of a conversation that goes on', async () => {
  const tokenizer = await withTemplate(closing);
  const cache = new PromptCache(tokenizer);
  const encode = vi.spyOn(tokenizer, 'encode');
  const lengthEncodedOf = async (texts: readonly string[]): Promise<number> => {
    encode.mockClear();
    await cache.encode(tokenizer.applyChatTemplate(turnsOf(texts)));
    return encode.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
  };
  const long = Array.from(
    { length: 40 },
    (_, i) => `turn ${i}: ${'words that were said before; '.repeat(25)}`,
  );
  expect(await lengthEncodedOf(long)).toBeGreaterThan(28_000);
  expect(await lengthEncodedOf([...long, 'and now?'])).toBeLessThan(1000);
  expect(await lengthEncodedOf([...long, 'and then?'])).toBeLessThan(1000);
  expect(await lengthEncodedOf(['another start', ...long])).toBeGreaterThan(28_000);
});

it('is not misled by a special token that only appears when the text goes on', async () => {
  // Two tokens end turns, and one begins with the other.
  const ends = new Map([
    ['</s>', 1],
    ['</s><x>', 2],
  ]);
  const tokenizer = Object.assign(Object.create(new NullEngine().tokenizer) as Tokenizer, {
    eosIds: new Set([1]),
    encode: (text: string) =>
      text
        .split(/(<\/s><x>|<\/s>)/)
        .flatMap((part) => ends.get(part) ?? Array.from(part, (c) => c.charCodeAt(0) + 9)),
  });
  const cache = new PromptCache(tokenizer);
  const start = `${'long enough '.repeat(300)}</s>`;
  for (const text of [start, `${start}<y>`, `${start}<x>`, `${start}<x>and on`])
    expect(await cache.encode(text)).toEqual(tokenizer.encode(text));
});
