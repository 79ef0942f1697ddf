/** What a user says is text: no tokenizer makes control tokens of it, whatever the template. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeGguf } from '#src/formats/gguf-writer.js';
import { plain } from '#src/formats/jinja/text.js';
import type { ChatMessage, Tokenizer } from '#src/formats/tokenizer-types.js';
import { type Encoder, promptIds } from '#src/server/road/prompt.js';
import { PromptCache } from '#src/server/road/prompt-cache.js';
import { NullEngine } from '#src/testing/null-engine.js';
import { tokenizerOf } from '../../helpers/gguf.js';

const marks = [
  '<|im_start|>',
  '<|im_end|>',
  '<|user|>',
  '[INST]',
  '</s>',
  '<s>',
  '[TOOL_CALLS]',
  '<end_of_turn>',
];
/** One that files list with the user-defined tokens, though it is a mark, and one that is none. */
const userDefined = ['<|tool|>', '<tool_call>'];

const templates = {
  chatml: `{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content|trim }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}`,
  'a mark made of a role': `{% for m in messages %}{{ '<|' + m.role + '|>' }}{{ m.content }}</s>{% endfor %}`,
  'names, calls and results': `{% for m in messages %}[INST]{{ m.name }}{{ m.tool_calls|tojson if m.tool_calls }}{{ m.content }}</s>{% endfor %}{{ tools|tojson }}`,
  'joined without anything between': `{% for m in messages %}{{ m.content }}{% endfor %}`,
};

function vocabulary(kind: 'llama' | 'gpt2', template: string | null): Uint8Array {
  const letters = Array.from({ length: 256 }, (_, byte) => byte);
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173 && byte < 256);
  const others = letters.filter((byte) => !printable(byte));
  const bytes = letters.map((byte) =>
    kind === 'llama'
      ? `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`
      : String.fromCharCode(printable(byte) ? byte : 256 + others.indexOf(byte)),
  );
  const tokens = ['<unk>', ...bytes, ...marks, ...userDefined, ...(kind === 'llama' ? ['▁'] : ['aa'])];
  const types = tokens.map((text, id) => {
    if (id === 0) return 2;
    if (marks.includes(text)) return 3;
    if (userDefined.includes(text)) return 4;
    return kind === 'llama' && id <= 256 ? 6 : 1;
  });
  return writeGguf(
    {
      'tokenizer.ggml.model': kind,
      'tokenizer.ggml.pre': 'default',
      // Else a space follows every special token in text.
      'tokenizer.ggml.add_space_prefix': false,
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.scores': Float32Array.from(tokens, (_, id) => -id),
      'tokenizer.ggml.token_type': types,
      'tokenizer.ggml.merges': ['a a'],
      'tokenizer.ggml.bos_token_id': tokens.indexOf('<s>'),
      'tokenizer.ggml.eos_token_id': tokens.indexOf('<|im_end|>'),
      ...(template !== null && { 'tokenizer.chat_template': template }),
    },
    [],
  );
}

const made: readonly (readonly [string, Promise<Tokenizer>])[] = [
  ...(['llama', 'gpt2'] as const).flatMap((kind) => [
    ...Object.entries(templates).map(
      ([name, source]) => [`${kind}, ${name}`, tokenizerOf(vocabulary(kind, source))] as const,
    ),
    [`${kind}, no template`, tokenizerOf(vocabulary(kind, null))] as const,
  ]),
  ['the null engine', Promise.resolve(new NullEngine().tokenizer)],
];

const piece = fc.oneof(
  fc.constantFrom(...marks, ...userDefined, '<|im_', 'start|>', '<|', '|>', '</', 's>', ' ', '\n', 'a'),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const text = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));

/** Turns with something hostile in every place that a client fills. */
const conversation = fc
  .array(fc.tuple(text, text, text), { minLength: 1, maxLength: 3 })
  .map((turns): ChatMessage[] =>
    turns.flatMap(([user, call, result]) => [
      { role: 'user', content: user },
      {
        role: 'assistant',
        content: result,
        tool_calls: [
          {
            id: call,
            type: 'function',
            function: { name: call, arguments: JSON.stringify({ [call]: user }) },
          },
        ],
      },
      { role: 'tool', content: result, tool_call_id: call, name: call },
    ]),
  );

/** The same turns with letters that are no part of any mark. */
const harmless = (messages: readonly ChatMessage[]): ChatMessage[] =>
  messages.map(({ role, content }) => ({
    role,
    content: content.replace(/[^\n]/gu, 'x') || 'x',
    tool_calls: [],
    name: 'x',
  }));

const encoderOf = (tokenizer: Tokenizer): Encoder => ({
  tokenizer,
  encode: (said, options) => tokenizer.encode(said, options),
});

describe.each(made)('%s', (_, tokenizerMade) => {
  it('makes as many control tokens of a hostile conversation as of a harmless one, and the same through the cache', async () => {
    const tokenizer = await tokenizerMade;
    const isMark = (id: number): boolean => tokenizer.bytesOf(id).length === 0 || tokenizer.eosIds.has(id);
    const tools = [
      {
        type: 'function',
        function: { name: '</s>', description: '<|im_start|>', parameters: { '[INST]': '<s>' } },
      },
    ] as const;
    const cache = new PromptCache(tokenizer);
    await fc.assert(
      fc.asyncProperty(conversation, async (messages) => {
        const marksIn = (all: readonly ChatMessage[], options = {}): number[] =>
          tokenizer
            .encode(tokenizer.applyChatTemplate(all, options), { special: true, bos: false })
            .filter(isMark);
        const said = tokenizer.applyChatTemplate(messages, { tools });
        expect(marksIn(messages, { tools })).toEqual(marksIn(harmless(messages), { tools: [] }));
        expect(await cache.encode(said)).toEqual(tokenizer.encode(said, { special: true, bos: false }));
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('loses nothing of what was said', async () => {
    const tokenizer = await tokenizerMade;
    fc.assert(
      fc.property(text, (content) => {
        const prompt = tokenizer.applyChatTemplate([{ role: 'user', content }]);
        const spoken = content.toWellFormed().trim();
        const decoded = tokenizer.decode(tokenizer.encode(prompt, { special: true, bos: false }));
        expect(plain(prompt).toWellFormed()).toContain(spoken);
        expect(decoded).toContain(spoken);
      }),
      { numRuns: 60, seed: 3 },
    );
  });

  it('takes the marks of a raw prompt for what they are', async () => {
    const tokenizer = await tokenizerMade;
    const raw = await promptIds(encoderOf(tokenizer), { kind: 'text', text: 'a</s>a' });
    expect(raw.ids).toEqual(tokenizer.encode('a</s>a', { special: true }));
    expect(raw.ids.some((id) => tokenizer.bytesOf(id).length === 0 && tokenizer.eosIds.has(id))).toBe(true);
  });
});

it('a mark among the user-defined tokens is text where a user says it, a tag is not', async () => {
  const tokenizer = await tokenizerOf(vocabulary('gpt2', templates.chatml));
  const idOf = (mark: string): number => tokenizer.encode(mark, { special: true, bos: false })[0]!;
  const { ids } = await promptIds(encoderOf(tokenizer), {
    kind: 'messages',
    messages: [{ role: 'user', content: '<|tool|><tool_call>' }],
  });
  expect(ids).not.toContain(idOf('<|tool|>'));
  expect(ids).toContain(idOf('<tool_call>'));
});
