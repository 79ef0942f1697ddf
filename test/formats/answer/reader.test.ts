/** What models of all families write, read back: the same however it is cut into pieces. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerReader, callsOf, readAnswer } from '#src/formats/answer/answer.js';
import { promptEndOf } from '#src/formats/answer/prompt-end.js';
import type { AnswerEvent } from '#src/formats/answer/types.js';
import { readJson } from '#src/formats/jinja/json.js';
import type { Dict } from '#src/formats/jinja/values.js';
import { sharedPath } from '../../helpers/shared.js';

const tools = [
  { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  {
    name: 'search',
    parameters: { type: 'object', properties: { query: { type: 'string' }, limit: { type: 'integer' } } },
  },
];
const paris = { name: 'get_weather', arguments: { city: 'Paris' } };

/** Template, answer, and what is in it. The templates are no more than the marks that choose a form. */
const answers: readonly (readonly [
  string,
  string,
  { content?: string; reasoning?: string; calls?: readonly unknown[]; promptEnd?: string },
])[] = [
  [
    '<tool_call>',
    'Let me look.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>',
    { content: 'Let me look.', calls: [paris] },
  ],
  ['<tool_call>', '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}', { calls: [paris] }],
  [
    '<tool_call>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Paris"}}</tool_call>\n<tool_call>{"name": "search", "arguments": {"query": "x", "limit": 2}}</tool_call>',
    { calls: [paris, { name: 'search', arguments: { query: 'x', limit: 2 } }] },
  ],
  [
    '<think>',
    '<think>\nI could write <tool_call>{"name": "get_weather", "arguments": {}}</tool_call>\n</think>\n\nHello',
    {
      content: 'Hello',
      reasoning: 'I could write <tool_call>{"name": "get_weather", "arguments": {}}</tool_call>',
    },
  ],
  ['[THINK]', '[THINK]hm[/THINK]Hello', { content: 'Hello', reasoning: 'hm' }],
  ['', '```json\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n```', { calls: [paris] }],
  [
    '',
    '{"name": "get_weather", "parameters": {"city": "Paris"}}; {"name": "search", "parameters": {"query": "x"}}',
    { calls: [paris, { name: 'search', arguments: { query: 'x' } }] },
  ],
  [
    '',
    'I will look.\n{"name": "get_weather", "parameters": {"city": "Paris"}}',
    { content: 'I will look.', calls: [paris] },
  ],
  [
    '',
    '<|python_tag|>search.call(query="Paris")',
    { calls: [{ name: 'search', arguments: { query: 'Paris' } }] },
  ],
  [
    '',
    "[get_weather(city=\"Paris\"), search(query='it\\'s', limit=3)]",
    { calls: [paris, { name: 'search', arguments: { query: "it's", limit: 3 } }] },
  ],
  ['', '<function=get_weather>{"city": "Paris"}</function>', { calls: [paris] }],
  [
    '',
    '<tool_call>\n<function=search>\n<parameter=query>\n12\n</parameter>\n<parameter=limit>\n12\n</parameter>\n</function>\n</tool_call>',
    { calls: [{ name: 'search', arguments: { query: '12', limit: 12 } }] },
  ],
  [
    '',
    '<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>',
    { calls: [paris] },
  ],
  [
    '',
    '<minimax:tool_call>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n</invoke>\n<invoke name="get_weather">\n<parameter name="city">Paris</parameter>\n</invoke>\n</minimax:tool_call>',
    { calls: [paris, paris] },
  ],
  [
    '',
    '<｜DSML｜function_calls>\n<｜DSML｜invoke name="get_weather">\n<｜DSML｜parameter name="city" string="true">Paris</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
    { calls: [paris] },
  ],
  [
    '',
    '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{"city": "Paris"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    { calls: [paris] },
  ],
  [
    '',
    '<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:0<|tool_call_argument_begin|>{"city": "Paris"}<|tool_call_end|><|tool_calls_section_end|>',
    { calls: [paris] },
  ],
  ['', '[TOOL_CALLS]get_weather[CALL_ID]123456789[ARGS]{"city": "Paris"}', { calls: [paris] }],
  ['', '<|tool_call_start|>[get_weather(city="Paris")]<|tool_call_end|>', { calls: [paris] }],
  ['functools', 'functools[{"name": "get_weather", "arguments": {"city": "Paris"}}]', { calls: [paris] }],
  ['>>>', '>>>get_weather\n{"city": "Paris"}', { calls: [paris] }],
  ['', '<|tools_prefix|>[{"get_weather": {"city": "Paris"}}]<|tools_suffix|>', { calls: [paris] }],
  ['<|channel><channel|>', '<|channel>thought\nhm<channel|>Hello', { content: 'Hello', reasoning: 'hm' }],
  ['<|channel><channel|>', '<|channel><|channel>thought\n<channel|>Hello<channel|>', { content: 'Hello' }],
  [
    '<|channel>',
    'Hi<|tool_call>call:search{query:<|"|>a "b", {c}<|"|>,limit:-2,tags:[<|"|>x<|"|>,true,null],o:{},p:{q:1.5e3}}<tool_call|><|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|>',
    {
      content: 'Hi',
      calls: [
        {
          name: 'search',
          arguments: { query: 'a "b", {c}', limit: -2, tags: ['x', true, null], o: {}, p: { q: 1500 } },
        },
        paris,
      ],
    },
  ],
  [
    ']<]minimax[>[',
    '</mm:think>]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name="search">]<]minimax[>[<query>12]<]minimax[>[</query>]<]minimax[>[<limit>5]<]minimax[>[</limit>]<]minimax[>[<tags>]<]minimax[>[<item>a]<]minimax[>[</item>]<]minimax[>[<item>]<]minimax[>[<b>1]<]minimax[>[</b>]<]minimax[>[</item>]<]minimax[>[</tags>]<]minimax[>[</invoke>\n]<]minimax[>[<invoke name="get_weather">]<]minimax[>[<city>Paris]<]minimax[>[</city>]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>',
    { calls: [{ name: 'search', arguments: { query: '12', limit: 5, tags: ['a', { b: 1 }] } }, paris] },
  ],
  [
    '<|open|><|close|>',
    'hm<|close|>think<|sep|><|open|>response<|sep|>Well.<|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="get_weather" index="1"<|sep|><|open|>argument key="city" type="string"<|sep|>Paris<|close|>argument<|sep|><|close|>call<|sep|><|open|>call tool="search" index="2"<|sep|><|open|>argument key="limit" type="number"<|sep|>2<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>',
    {
      content: 'Well.',
      reasoning: 'hm',
      calls: [paris, { name: 'search', arguments: { limit: 2 } }],
      promptEnd: '<|open|>think<|sep|>',
    },
  ],
  ['<|open|>', '<|open|>response<|sep|>Well.', { content: 'Well.', promptEnd: '<|open|>think<|sep|>' }],
  [
    '<|START_TEXT|><|END_TEXT|>',
    'hm<|END_THINKING|><|START_TEXT|>Hello<|END_TEXT|>',
    { content: 'Hello', reasoning: 'hm', promptEnd: '<|START_THINKING|>' },
  ],
  ['>>>', 'all\nHello', { content: 'Hello', promptEnd: 'assistant\n>>>' }],
  ['>>>', 'get_weather\n{"city": "Paris"}', { calls: [paris], promptEnd: 'assistant\n>>>' }],
  [
    '[BEGIN FINAL RESPONSE]',
    'hm\n[BEGIN FINAL RESPONSE]\nHello',
    {
      content: 'Hello',
      reasoning: 'Here are my reasoning steps:\nhm',
      promptEnd: 'Here are my reasoning steps:\n',
    },
  ],
  [
    '',
    'Hi<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "get_weather", "arguments": {"city": "Paris"}}',
    { content: 'Hi', calls: [paris] },
  ],
  [
    '',
    'Hi<|function_call|>{"name": "get_weather", "arguments": {"city": "Paris"}}',
    { content: 'Hi', calls: [paris] },
  ],
  [
    '',
    '<function name="search"><param name="query"><![CDATA[</param> <b>]]></param></function>',
    { calls: [{ name: 'search', arguments: { query: '</param> <b>' } }] },
  ],
  [
    '<|channel|>',
    '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello',
    { content: 'Hello', reasoning: 'hm' },
  ],
  [
    '<|channel|>',
    '<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Paris"}<|call|>',
    { calls: [paris] },
  ],
  [
    '',
    'Use [link text](url) and {"name": "Ada"} and <function> as you like.\n',
    { content: 'Use [link text](url) and {"name": "Ada"} and <function> as you like.\n' },
  ],
  ['', '{"name": "launch", "arguments": {}}', { content: '{"name": "launch", "arguments": {}}' }],
];

function outcome(events: readonly AnswerEvent[]) {
  const textOf = (type: string): string =>
    events.map((one) => (one.type === type && 'text' in one ? one.text : '')).join('');
  return {
    content: textOf('text'),
    reasoning: textOf('reasoning'),
    calls: callsOf(events).map(({ name, arguments: text }) => ({
      name,
      arguments: JSON.parse(text) as unknown,
    })),
  };
}

describe.each(answers)(
  'with the template "%s": %s',
  (template, output, { content = '', reasoning = '', calls = [], promptEnd = '' }) => {
    const wanted = { content, reasoning, calls };

    it('is read back whole', () => {
      const reader = answerReader({ template, tools, promptEnd });
      expect(outcome([...reader.push(output), ...reader.end()])).toEqual(wanted);
    });

    it('is read back the same from any pieces', () => {
      fc.assert(
        fc.property(fc.array(fc.nat(output.length), { maxLength: 12 }), (cuts) => {
          const reader = answerReader({ template, tools, promptEnd });
          const places = [0, ...cuts.toSorted((a, b) => a - b), output.length];
          const events = places.slice(1).flatMap((place, i) => reader.push(output.slice(places[i], place)));
          expect(outcome([...events, ...reader.end()])).toEqual(wanted);
        }),
        { numRuns: 60, seed: 7 },
      );
    });
  },
);

it('leaves thoughts where they are when asked to', () => {
  const request = { output: '<think>\nhm\n</think>\n\nHello', reasoning: 'content' };
  expect(readAnswer(request, '<think>')).toEqual({
    content: '<think>\nhm\n</think>\n\nHello',
    reasoning: '',
    tool_calls: [],
  });
});

it('writes down what the prompt opened where thoughts stay in the text', () => {
  const request = {
    output: 'hm\n</think>\n\nHello',
    reasoning: 'content',
    prompt_end: 'assistant\n<think>\n',
  };
  expect(readAnswer(request, '<think>').content).toBe('<think>\nhm\n</think>\n\nHello');
  const channels =
    '<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hello';
  expect(readAnswer({ output: channels, reasoning: 'content' }, '<|channel|>').content).toBe(
    '<|channel|>analysis<|message|>hm<|end|>Hello',
  );
});

it.each([
  [
    '<tool_call>',
    '<tool_call>\n{"name": "search", "arguments": {"query": "a \\"}\nb", "limit": 2}, "id": "x"}\n</tool_call>',
  ],
  ['', '{"type": "function", "name": "search", "parameters": {"query": "a \\"}\nb", "limit": 2}}'],
  ['', '[TOOL_CALLS]search[ARGS]{"query": "a \\"}\nb", "limit": 2}'],
  [
    '<|channel|>',
    '<|channel|>commentary to=functions.search <|message|>{"query": "a \\"}\\nb", "limit": 2}<|call|>',
  ],
])('passes on arguments while they are written, with the template "%s": %s', (template, output) => {
  const reader = answerReader({ template, tools });
  const at = output.indexOf('"limit"');
  const before = [...output.slice(0, at)].flatMap((letter) => reader.push(letter));
  expect(callsOf(before)).toEqual([
    { name: 'search', arguments: `{"query": "a \\"}\\nb",${template === '<|channel|>' ? '' : ' '}` },
  ]);
  const after = [...output.slice(at)].flatMap((letter) => reader.push(letter));
  expect(outcome([...before, ...after, ...reader.end()])).toEqual({
    content: '',
    reasoning: '',
    calls: [{ name: 'search', arguments: { query: 'a "}\nb', limit: 2 } }],
  });
});

it('says what there is of a call that is cut', () => {
  const output = 'Hi\n<tool_call>\n{"name": "search", "arguments": {"query": "a';
  const cut = { content: 'Hi', reasoning: '', tool_calls: [{ name: 'search', arguments: '{"query": "a' }] };
  for (const partial of [true, false]) expect(readAnswer({ output, tools, partial }, '')).toEqual(cut);
});

it('renders the conversation to know how the prompt ended', () => {
  const template =
    "{% if enable_thinking %}<think>\n{% endif %}{{ '' if messages else raise_exception('none') }}";
  const endOf = (request: string) => promptEndOf(readJson(request) as Dict, template);
  expect(endOf('{"enable_thinking": true}')).toBe('<think>\n');
  expect(endOf('{"enable_thinking": false}')).toBe('');
  expect(endOf('{"messages": []}')).toBe(undefined);
  expect(endOf('{"prompt_end": "x", "enable_thinking": true}')).toBe('x');
});

it('goes on with a thought that the prompt opened, and keeps numbers as they were written', () => {
  const output =
    'hm\n</think>\n\n<tool_call>{"name": "search", "arguments": {"limit": 9007199254740993, "x": 1.0}}</tool_call>';
  const answer = readAnswer({ output, prompt_end: '<|im_start|>assistant\n<think>\n', tools }, '<think>');
  expect(answer).toMatchObject({
    reasoning: 'hm',
    tool_calls: [{ name: 'search', arguments: '{"limit": 9007199254740993, "x": 1.0}' }],
  });
});

const given = sharedPath('cases/templates/calls.json');

it.skipIf(given === null)('finds the calls of all examples given', () => {
  const cases = JSON.parse(readFileSync(given!, 'utf8')) as readonly {
    input: string;
    calls: readonly unknown[];
  }[];
  for (const { input, calls } of cases) {
    const { tool_calls: found } = readAnswer({ output: input, tools }, '<think>[THINK]');
    expect(
      found.map(({ name, arguments: text }) => ({ name, arguments: JSON.parse(text) as unknown })),
      input,
    ).toEqual(calls);
  }
});
