/** Histories that a template refuses are said in other turns; its own words stand where none will do. */
import { expect, it } from 'vitest';
import type { ChatMessage } from '#src/formats/tokenizer-types.js';
import { deliberateError, tokenizerOf } from '../../helpers/gguf.js';
import { tinyModel } from '../../helpers/tiny-model.js';

const rendered = async (
  template: string,
  messages: readonly ChatMessage[],
  options = {},
): Promise<string> => {
  const tokenizer = await tokenizerOf(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));
  return String(tokenizer.applyChatTemplate(messages, options));
};
const turns =
  '{% for m in messages %}<{{ m.role }}>{{ m.content }}{% for c in m.tool_calls or [] %}[{{ c.id }}]{% endfor %}{% endfor %}';
const noSystem = `{% if messages[0].role == "system" %}{{ raise_exception("no system role here") }}{% endif %}${turns}`;
const strict = `{% for m in messages %}{% if (m.role == "user") != (loop.index0 % 2 == 0) %}{{ raise_exception("turns must alternate") }}{% endif %}{% endfor %}${turns}`;
const single = `{% for m in messages %}{% if m.tool_calls and m.tool_calls|length > 1 %}{{ raise_exception("one call at a time") }}{% endif %}{% endfor %}${turns}`;

it('puts the words of a system in front of the first turn of a template without that role', async () => {
  const messages = [
    { role: 'system', content: 'Be short.' },
    { role: 'user', content: 'Name a river.' },
  ] as const;
  expect(await rendered(noSystem, messages)).toBe('<user>Be short.\nName a river.');
  expect(await rendered(strict, messages)).toBe('<user>Be short.\nName a river.');
});

it('joins turns of one role where they must alternate, and leaves them alone where not', async () => {
  const messages = [
    { role: 'user', content: 'a' },
    { role: 'user', content: 'b' },
  ] as const;
  expect(await rendered(strict, messages)).toBe('<user>a\nb');
  expect(await rendered(turns, messages)).toBe('<user>a<user>b');
});

it('says calls one by one, each with its result', async () => {
  const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } }) as const;
  const messages: readonly ChatMessage[] = [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: 'so', tool_calls: [call('1'), call('2')] },
    { role: 'tool', content: 'one', tool_call_id: '1' },
    { role: 'tool', content: 'two', tool_call_id: '2' },
  ];
  expect(await rendered(single, messages)).toBe('<user>go<assistant>so[1]<tool>one<assistant>[2]<tool>two');
});

it("throws the template's own words where nothing helps", async () => {
  const error = await deliberateError(() =>
    rendered('{{ raise_exception("never") }}', [{ role: 'user', content: 'a' }]),
  );
  expect(error.message).toContain('never');
});

it('hands variables to the template, and leaves the last message open where the answer goes on with it', async () => {
  const template = `${turns}</s>{% if add_generation_prompt %}<assistant>{% endif %}{{ enable_thinking }}`;
  const user = { role: 'user', content: 'a' } as const;
  expect(await rendered(template, [user], { variables: { enable_thinking: false } })).toBe(
    '<user>a</s><assistant>False',
  );
  expect(await rendered(template, [user], { addGenerationPrompt: false })).toBe('<user>a</s>');
  const begun = { role: 'assistant', content: 'It is' } as const;
  expect(await rendered(template, [user, begun], { continues: true })).toBe('<user>a<assistant>It is');
});
