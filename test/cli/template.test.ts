/** `waferflow template`: prompts as transformers renders them, and what a model wrote as a message. */
import { expect, it } from 'vitest';
import { waferflow } from './cli.js';

const lines = (...all: readonly object[]): string => `${all.map((one) => JSON.stringify(one)).join('\n')}\n`;

it('renders a line at a time, with the clock, the numbers and the order of keys that were given', async () => {
  const messages = [{ role: 'user', content: 'Hi' }];
  const given = [
    JSON.stringify({
      template: "{{ bos_token }}{{ messages[0].content }}{{ strftime_now('%d %b %Y') }}",
      messages,
      now: '2025-07-26T12:34:56',
    }),
    '{"template": "{{ tools|tojson }}{{ add_generation_prompt }}{{ x }}", "messages": [], "tools": [{"10": 1.0, "2": 9007199254740993}], "add_generation_prompt": false, "kwargs": {"x": true}}',
    JSON.stringify({ template: '{{ raise_exception("no") }}', messages }),
  ].join('\n');
  const { stdout, code } = await waferflow(['template', 'render', '--jsonl'], { input: `${given}\n` });
  const answers = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as object);
  expect(answers).toEqual([
    { text: '<s>Hi26 Jul 2025' },
    { text: '[{"10": 1.0, "2": 9007199254740993}]FalseTrue' },
    { error: expect.stringContaining('no') },
  ]);
  expect(code).toBe(0);
});

it('parses a line at a time', async () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: {} } }];
  const input = lines(
    { template: '<think>', output: '<think>hm</think>Hello' },
    {
      template: '<tool_call>',
      output: '<tool_call>{"name": "f", "arguments": {"a": 1.0}}</tool_call>',
      tools,
    },
  );
  const { stdout } = await waferflow(['template', 'parse', '--jsonl'], { input });
  expect(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  ).toEqual([
    { content: 'Hello', reasoning: 'hm', tool_calls: [] },
    { content: '', reasoning: '', tool_calls: [{ name: 'f', arguments: '{"a": 1.0}' }] },
  ]);
});
