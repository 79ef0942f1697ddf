import fc from 'fast-check';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { compileGrammar } from '#src/runtime/grammar/grammar.js';
import type { Message, Tool } from '#src/server/road/completion.js';
import { type ParsedEvent, ToolParser } from '#src/server/road/tool-parser.js';
import { messagesForTemplate, toolGrammar } from '#src/server/road/tools.js';
import { tokenizerOf } from '../helpers/gguf.js';
import { tinyModel } from '../helpers/tiny-model.js';
import { testServer } from './server.js';

const tools: readonly Tool[] = [
  {
    name: 'get_weather',
    description: 'The weather of a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
  { name: 'now' },
];
const templates = {
  hermes: '{{ tools }}<tool_call>',
  mistral: '{{ tools }}[TOOL_CALLS]',
  bare: '{{ tools }}',
} as const;
type Kind = keyof typeof templates;

interface Outcome {
  readonly text: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  readonly tokens: number;
}

/** Takes each piece as one token. */
function parse(kind: Kind, pieces: readonly string[], parallel = true): Outcome {
  let next = 0;
  const parser = new ToolParser({
    template: templates[kind],
    tools,
    parallel,
    newId: () => `id${next++}`,
  });
  const events: ParsedEvent[] = [];
  for (const [i, text] of pieces.entries()) events.push(...parser.push({ text, ids: [i] }));
  events.push(...parser.end());
  const calls: { name: string; arguments: string }[] = [];
  let text = '';
  let tokens = 0;
  for (const event of events) {
    if (event.type === 'text') {
      text += event.text;
      tokens += event.ids.length;
    } else if (event.type === 'toolCallStart') {
      expect(event.index).toBe(calls.length);
      calls.push({ name: event.name, arguments: '' });
    } else if (event.type === 'toolCallArguments') {
      calls[event.index]!.arguments += event.text;
    }
  }
  expect(parser.calls).toBe(calls.length);
  return { text, calls, tokens };
}

const weather = '{"name": "get_weather", "arguments": {"city": "Bern </tool_call> }{"}}';
const wanted = { name: 'get_weather', arguments: '{"city": "Bern </tool_call> }{"}' };

describe('the parser of calls', () => {
  it.each<[string, Kind, string, Outcome['calls'], string]>([
    [
      'Hermes and Qwen',
      'hermes',
      `Let me see.\n<tool_call>\n${weather}\n</tool_call>`,
      [wanted],
      'Let me see.',
    ],
    [
      'two calls of Hermes',
      'hermes',
      `<tool_call>${weather}</tool_call>\n<tool_call>{"name":"now"}</tool_call>`,
      [wanted, { name: 'now', arguments: '{}' }],
      '',
    ],
    [
      'Llama 3',
      'bare',
      '{"name": "get_weather", "parameters": {"city": "Bern"}}',
      [{ ...wanted, arguments: '{"city": "Bern"}' }],
      '',
    ],
    [
      'Llama 3 with two',
      'bare',
      '{"name":"now","parameters":{}}; {"name":"now"}',
      [
        { name: 'now', arguments: '{}' },
        { name: 'now', arguments: '{}' },
      ],
      '',
    ],
    [
      'Mistral',
      'mistral',
      `[TOOL_CALLS] [${weather}, {"name":"now","arguments":{}}]`,
      [
        { ...wanted, arguments: '{"city":"Bern </tool_call> }{"}' },
        { name: 'now', arguments: '{}' },
      ],
      '',
    ],
    ['Mistral whose mark is a control token', 'mistral', ` [${weather}]`, [wanted], ''],
    ['OpenAI form', 'bare', `{"type":"function","function":${weather}}`, [wanted], ''],
    [
      'arguments as text',
      'bare',
      '{"name":"now","arguments":"{\\"a\\":1}"}',
      [{ name: 'now', arguments: '{"a":1}' }],
      '',
    ],
  ])('reads %s', (_, kind, answer, calls, text) => {
    expect(parse(kind, [answer])).toMatchObject({ calls, text });
  });

  it.each<[string, Kind, string]>([
    ['broken JSON', 'hermes', 'so <tool_call>{"name": "now", "arguments": {]}</tool_call> it is'],
    ['an unknown function', 'hermes', '<tool_call>{"name": "launch", "arguments": {}}</tool_call>'],
    ['a call that was cut in front of its arguments', 'hermes', '<tool_call>{"name": "now", "argu'],
    ['arguments that are no object', 'bare', '{"name": "now", "arguments": [1]}'],
    ['a JSON answer', 'bare', '{"name": "Ada", "age": 36}'],
    ['code', 'bare', '{\n  return 1;\n}'],
    ['a mark alone', 'mistral', 'I would use [TOOL_CALLS] for it'],
    ['white space alone', 'hermes', ' \n '],
  ])('takes %s for text', (_, kind, answer) => {
    expect(parse(kind, [answer])).toMatchObject({ calls: [], text: answer, tokens: 1 });
  });

  it('passes on what there is of arguments that were cut', () => {
    const answer = '<tool_call>{"name": "now", "arguments": {"a": "';
    const calls = [{ name: 'now', arguments: '{"a": "' }];
    expect(parse('hermes', [answer])).toMatchObject({ calls, text: '' });
    expect(parse('hermes', [...answer])).toMatchObject({ calls, text: '' });
  });

  it('passes on one call where calls are not parallel', () => {
    const answer = `<tool_call>${weather}</tool_call> and <tool_call>{"name":"now"}</tool_call> more`;
    expect(parse('hermes', [answer], false)).toMatchObject({ calls: [wanted], text: '' });
  });

  it('gives the same however the answer is cut', () => {
    const fragment = fc.constantFrom(
      weather,
      `<tool_call>${weather}</tool_call>`,
      '<tool_call>',
      '</tool_call>',
      '[TOOL_CALLS]',
      '[{"name":"now"}]',
      '{"name":"now","arguments":{"\\"":"\\\\"}}',
      '{"x":1,"name":"now"}',
      '{',
      '"',
      '\\',
      '[',
      ';',
      ' ',
      '\n',
      'text',
      '<tool',
    );
    fc.assert(
      fc.property(
        fc.constantFrom<Kind>('hermes', 'mistral', 'bare'),
        fc.array(fragment, { maxLength: 6 }).map((parts) => parts.join('')),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1 }),
        fc.boolean(),
        (kind, answer, sizes, parallel) => {
          const pieces: string[] = [];
          for (let at = 0, i = 0; at < answer.length; i++) {
            const size = sizes[i % sizes.length]!;
            pieces.push(answer.slice(at, at + size));
            at += size;
          }
          const whole = parse(kind, [answer], parallel);
          const cut = parse(kind, pieces, parallel);
          expect({ ...cut, tokens: 0 }).toEqual({ ...whole, tokens: 0 });
          if (cut.calls.length === 0) expect(cut.tokens).toBe(pieces.length);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

const conversation: readonly Message[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Weather?' },
  {
    role: 'assistant',
    content: '',
    toolCalls: [{ id: 'call_1', name: 'get_weather', arguments: '{"city":"Bern"}' }],
  },
  { role: 'tool', content: 'sun', toolCallId: 'call_1' },
];

describe('a chat template', () => {
  it('that knows tools gets them, the calls and their results', async () => {
    const template = `{%- if tools %}{% for tool in tools %}{{ tool | tojson }}
{%- endfor %}{% endif %}
{%- for message in messages %}
{{ message.role }}:{{ message.content }}
{%- if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>{{ call.function.name }} {{ call.function.arguments | tojson }} {{ call.id }}{% endfor %}{% endif %}
{%- if message.tool_call_id %} for {{ message.tool_call_id }} {{ message.name }}{% endif %}
{%- endfor %}`;
    const tokenizer = await tokenizerOf(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));
    const { messages, ...options } = messagesForTemplate(template, {
      kind: 'messages',
      messages: conversation,
      tools,
    });
    const text = String(tokenizer.applyChatTemplate(messages, options));
    expect(text).toContain('"name": "get_weather"');
    expect(text).toContain('<tool_call>get_weather {"city": "Bern"} call_1');
    expect(text).toContain('tool:sun for call_1 get_weather');
    const none = messagesForTemplate(template, {
      kind: 'messages',
      messages: conversation,
      tools,
      toolChoice: 'none',
    });
    expect(none.tools).toBeUndefined();
  });

  it('of Mistral gets ids of nine letters and digits', () => {
    const { messages } = messagesForTemplate(templates.mistral, { kind: 'messages', messages: conversation });
    expect(messages[2]?.tool_calls?.[0]?.id).toBe('000call1'.padStart(9, '0'));
    expect(messages[3]?.tool_call_id).toBe(messages[2]?.tool_calls?.[0]?.id);
  });

  it('that does not know tools gets them as text, in the turns that there are', () => {
    const { messages, tools: given } = messagesForTemplate('{{ messages }}', {
      kind: 'messages',
      messages: [...conversation, { role: 'user', content: 'And?' }],
      tools,
    });
    expect(given).toBeUndefined();
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user', 'user']);
    expect(messages[0]?.content).toContain('"name":"get_weather"');
    expect(messages[2]?.content).toBe('{"name":"get_weather","arguments":{"city":"Bern"}}');
    expect(messages[3]?.content).toBe('Result of the call call_1: sun');
  });

  it('that does not know tools but calls and results gets those as they are', () => {
    const { messages } = messagesForTemplate("{{ m.tool_calls }}{{ m.role == 'tool' }}", {
      kind: 'messages',
      messages: conversation,
      tools,
    });
    expect(messages[0]?.content).toContain('"name":"get_weather"');
    expect(messages.find(({ role }) => role === 'assistant')?.tool_calls).toHaveLength(1);
    expect(messages.at(-1)).toMatchObject({ role: 'tool', content: 'sun' });
  });

  it("of Firefunction gets them by the template's own names", () => {
    const { variables } = messagesForTemplate('{{ functions }}{{ datetime }}', {
      kind: 'messages',
      messages: conversation,
      tools,
    });
    expect(JSON.parse(String(variables?.functions))).toMatchObject([
      { name: 'get_weather' },
      { name: 'now' },
    ]);
    expect(variables?.datetime).toMatch(/^\w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT$/);
  });
});

it('keeps the references of parameters when they become part of a grammar', () => {
  const tree = {
    type: 'object',
    properties: { next: { $ref: '#/$defs/node' } },
    $defs: { node: { type: 'null' } },
  };
  compileGrammar(toolGrammar([{ name: 'a' }, { name: 'b', parameters: tree }]));
});

describe('a small model that must call', () => {
  it('makes a valid call, whole and streamed', async () => {
    const server = await testServer({ load: () => load(), model: { id: 'glint' } });
    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
    const request = {
      model: 'glint',
      messages: [{ role: 'user', content: 'Weather in Bern?' }],
      tools: tools.map(({ name, description, parameters }) => ({
        type: 'function' as const,
        function: {
          name,
          ...(description && { description }),
          ...(parameters && { parameters: { ...parameters } }),
        },
      })),
      max_tokens: 400,
      seed: 1,
      temperature: 0.8,
    } satisfies OpenAI.ChatCompletionCreateParamsNonStreaming;
    for (const tool_choice of [
      'required',
      { type: 'function', function: { name: 'get_weather' } },
    ] as const) {
      const answer = await client.chat.completions.create({ ...request, tool_choice });
      const [choice] = answer.choices;
      expect(choice?.finish_reason).toBe('tool_calls');
      const calls = choice?.message.tool_calls ?? [];
      expect(calls).toHaveLength(1);
      const [call] = calls;
      if (call?.type !== 'function') return expect.fail('no function call');
      if (tool_choice !== 'required') expect(call.function.name).toBe('get_weather');
      if (call.function.name === 'get_weather') {
        expect(JSON.parse(call.function.arguments)).toEqual({ city: expect.any(String) as string });
      }
      const stream = client.chat.completions.stream({ ...request, tool_choice });
      const streamed = await stream.finalChatCompletion();
      const [again] = streamed.choices[0]?.message.tool_calls ?? [];
      expect(again).toMatchObject({
        function: { name: call.function.name, arguments: call.function.arguments },
      });
      expect(streamed.choices[0]?.finish_reason).toBe('tool_calls');
    }
  });
});
