/**
 * An answer that must be a call, in the form of each template: what its grammar makes is read back by the reader of the
 * form, whole and cut by the limit.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileChatTemplate } from '#src/formats/chat/template.js';
import { createGrammarCompiler, vocabularyOf } from '#src/runtime/grammar/grammar.js';
import type { Tokenizer } from '#src/runtime/types.js';
import { callFrame } from '#src/server/road/call-frame.js';
import { promptText } from '#src/server/road/prompt.js';
import { callingOf, type ParsedEvent } from '#src/server/road/tool-parser.js';
import { plainFrame, toolGrammar } from '#src/server/road/tools.js';
import { accepts, drawn } from '../helpers/grammar.js';

const ENDS = ['<|im_end|>', '</s>', '<|eot_id|>', '<|end|>', '<|call|>', '<｜end▁of▁sentence｜>'];

/** What of a tokenizer a conversation needs. */
function tokenizerOf(template: string): Tokenizer {
  const applyChatTemplate = compileChatTemplate(template, { bos: '<s>', eos: '</s>' });
  return {
    chatTemplate: template,
    toolTemplate: template,
    applyChatTemplate,
    eosIds: new Set(ENDS.keys()),
    bytesOf: () => new Uint8Array(1),
    textOf: (id: number) => ENDS[id]!,
    decode: () => '',
  } as Partial<Tokenizer> as Tokenizer;
}

const tools = [
  {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', maxLength: 8 },
        days: { type: 'integer', minimum: 1, maximum: 9 },
      },
      required: ['city'],
    },
  },
  { name: 'now' },
];

const head = `{% for m in messages %}{% if m.role == 'user' %}<|im_start|>user
{{ m.content }}<|im_end|>
{% endif %}{% endfor %}{% if tools %}{{ tools | tojson }}{% endif %}`;
const calls = (turn: string, prompt = ''): string =>
  `${head}{% if messages[-1].tool_calls %}<|im_start|>assistant
{% set c = messages[-1].tool_calls[0] %}${turn}{% endif %}{% if add_generation_prompt %}<|im_start|>assistant
${prompt}{% endif %}`;
const args = '{{ c.function.arguments | tojson }}';

/** Templates that write a call as these families do, and what comes before the arguments. */
const forms: Readonly<Record<string, readonly [template: string, before: string, after: string]>> = {
  Hermes: [
    calls(`<tool_call>
{"name": "{{ c.function.name }}", "arguments": ${args}}
</tool_call><|im_end|>`),
    '<tool_call>\n{"name": "now", "arguments": ',
    '}\n</tool_call>',
  ],
  'a thought that the prompt opens': [
    calls(`<TOOLCALL>[{"name": "{{ c.function.name }}", "arguments": ${args}}]</TOOLCALL></s>`, '<think>\n'),
    '</think>\n\n<TOOLCALL>[{"name": "now", "arguments": ',
    '}]</TOOLCALL>',
  ],
  'a thought that is closed in both': [
    calls(
      `<think></think><tool_call>{"name": "{{ c.function.name }}", "arguments": ${args}}</tool_call></s>`,
      '<think></think>',
    ),
    '<tool_call>{"name": "now", "arguments": ',
    '}</tool_call>',
  ],
  Llama: [
    calls(`{"name": "{{ c.function.name }}", "parameters": ${args}}<|eot_id|>`),
    '{"name": "now", "parameters": ',
    '}',
  ],
  Mistral: [calls(`[TOOL_CALLS]{{ c.function.name }}[ARGS]${args}</s>`), '[TOOL_CALLS]now[ARGS]', ''],
  Kimi: [
    calls(
      `<|tool_calls_section_begin|><|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>${args}<|tool_call_end|><|tool_calls_section_end|><|im_end|>`,
    ),
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.now:0<|tool_call_argument_begin|>',
    '<|tool_call_end|>',
  ],
  'gpt-oss': [
    calls(
      `<|start|>assistant to=functions.{{ c.function.name }}<|channel|>commentary json<|message|>${args}<|call|>`,
    ),
    '<|start|>assistant to=functions.now<|channel|>commentary json<|message|>',
    '',
  ],
};

function forced(tokenizer: Tokenizer) {
  const messages = [{ role: 'user', content: 'Weather?' }] as const;
  const prompt = { kind: 'messages', messages, tools, toolChoice: 'required' } as const;
  return callingOf(tokenizer, prompt, promptText(tokenizer, prompt))!.parser;
}

function callsOf(events: readonly ParsedEvent[]) {
  const read: { name: string; arguments: string }[] = [];
  for (const event of events) {
    if (event.type === 'toolCallStart') read.push({ name: event.name, arguments: '' });
    if (event.type === 'toolCallArguments') read.at(-1)!.arguments += event.text;
  }
  return read;
}

/** Texts of the grammar are one call each, whose arguments are what stands between the frame; cut, they are what came. */
function expectReadBack(tokenizer: Tokenizer) {
  const frame = callFrame(tokenizer, { kind: 'messages', messages: [] })!;
  const grammar = toolGrammar(tools, frame);
  for (let seed = 1; seed <= 6; seed++) {
    // A control token for a mark, whose text is the mark.
    const text = drawn(grammar, seed).replaceAll('\ufffd', '');
    const { name } = tools.find((tool) => text.startsWith(frame.before(tool.name)))!;
    const start = frame.before(name).length;
    const written = text.slice(start, text.length - frame.after.length);
    const parser = forced(tokenizer);
    const events = [...parser.push({ text, ids: [1] }), ...parser.end()];
    const [call, ...others] = callsOf(events);
    expect(call?.name, text).toBe(name);
    expect(JSON.parse(call!.arguments), text).toEqual(JSON.parse(written));
    expect(others).toEqual([]);
    expect(events.filter((event) => event.type === 'text' && event.text.trim() !== '')).toEqual([]);
    const cut = forced(tokenizer);
    const [half] = callsOf([...cut.push({ text: text.slice(0, start + 1), ids: [1] }), ...cut.end()]);
    expect(half, text).toEqual({ name, arguments: '{' });
  }
}

describe.each(Object.entries(forms))('a forced call as %s', (_, [template, before, after]) => {
  const tokenizer = tokenizerOf(template);

  it('is written in the frame of the template', () => {
    const frame = callFrame(tokenizer, { kind: 'messages', messages: [] });
    expect([frame?.before('now'), frame?.after]).toEqual([before, after]);
  });

  it('is read back, whole and cut', () => expectReadBack(tokenizer));
});

it('is JSON where a template writes arguments in another way, or knows no functions', () => {
  const tags = calls(
    '<function={{ c.function.name }}>{% for k, v in c.function.arguments | items %}<parameter={{ k }}>{{ v }}</parameter>{% endfor %}</function>',
  );
  for (const template of [tags, '{% for m in messages %}{{ m.content }}{% endfor %}']) {
    const tokenizer = tokenizerOf(template);
    expect(callFrame(tokenizer, { kind: 'messages', messages: [] })).toBeNull();
    const parser = forced(tokenizer);
    const text = drawn(toolGrammar(tools), 3);
    expect(callsOf([...parser.push({ text, ids: [1] }), ...parser.end()])).toHaveLength(1);
    expect(
      text.startsWith(plainFrame.before('now')) || text.startsWith(plainFrame.before('get_weather')),
    ).toBe(true);
  }
});

it('takes control tokens for its marks, and no text for one of them', () => {
  // One that ends in the half of a pair that leads control tokens' names is a character like all.
  expect(
    accepts(
      { type: 'framed', ways: [{ before: '\u{1f3ff}', schema: '{"const":1}', after: '' }] },
      '\u{1f3ff}1',
    ),
  ).toBe(true);
  const names = ['[TOOL_CALLS]', '[ARGS]', '</s>'];
  const controls = {
    vocabSize: 256 + names.length,
    bytesOf: (id: number) => (id < 256 ? Uint8Array.of(id) : new Uint8Array(0)),
    textOf: (id: number) => names[id - 256] ?? '',
  };
  const matcher = createGrammarCompiler(vocabularyOf(controls), [258]).compile(
    toolGrammar(tools, callFrame(tokenizerOf(forms.Mistral![0]), { kind: 'messages', messages: [] })!),
  );
  const isAllowed = (id: number) => ((matcher.mask()[id >>> 5]! >>> (id & 31)) & 1) === 1;
  const write = (text: string) => [...Buffer.from(text)].every((byte) => matcher.accept(byte));
  expect([isAllowed(256), isAllowed(257), isAllowed('['.charCodeAt(0))]).toEqual([true, false, true]);
  expect(isAllowed(0xff)).toBe(false);
  expect(matcher.accept(256)).toBe(true);
  expect(write('get_weather')).toBe(true);
  expect([isAllowed(256), isAllowed(257)]).toEqual([false, true]);
  expect(matcher.accept(257)).toBe(true);
  expect(write('{"city":"a')).toBe(true);
  expect([isAllowed(256), isAllowed(257), isAllowed(258)]).toEqual([false, false, false]);
  expect(write('"}')).toBe(true);
  expect(isAllowed(258)).toBe(true);
});

const tree = join(homedir(), '.cache/waferflow-peers/llama.cpp/models/templates');

it.skipIf(!existsSync(tree))(
  "is in the model's own form for most templates of llama.cpp's tree that write JSON",
  () => {
    const own = readdirSync(tree)
      .filter((file) => file.endsWith('.jinja'))
      .map((file) => tokenizerOf(readFileSync(join(tree, file), 'utf8')))
      .filter((tokenizer) => callFrame(tokenizer, { kind: 'messages', messages: [] }) !== null);
    expect(own.length).toBeGreaterThanOrEqual(31);
    for (const tokenizer of own) expectReadBack(tokenizer);
  },
);
