import { describe, expect, it } from 'vitest';
import { FormatError, OptionError } from '#src/core/errors.js';
import { transcriptStop } from '#src/formats/chat/template.js';
import { deliberateError, tokenizerOf } from '../../helpers/gguf.js';
import { tinyModel } from '../../helpers/tiny-model.js';

const withTemplate = (template: string) =>
  tokenizerOf(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));

const chatMl = `{{ bos_token }}{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] | trim + '<|im_end|>' + '\\n' }}
{%- endfor %}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`;

const strict = `{% if messages[0]['role'] != 'user' %}{{ raise_exception('Roles must start with user') }}{% endif %}{{ messages[0]['content'] }}{{ eos_token }}`;

describe('applyChatTemplate', () => {
  it('renders the template up to the start of the answer', async () => {
    const tokenizer = await withTemplate(chatMl);
    const text = tokenizer.applyChatTemplate([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: ' hi ' },
    ]);
    expect(String(text)).toBe(
      '<s><|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n',
    );
    expect(tokenizer.encode(text, { special: true, bos: false })[0]).toBe(tokenizer.bosId);
  });

  it("turns the template's own complaint into an OptionError", async () => {
    const tokenizer = await withTemplate(strict);
    expect(String(tokenizer.applyChatTemplate([{ role: 'user', content: 'hi' }]))).toBe('hi</s>');
    const error = await deliberateError(() =>
      tokenizer.applyChatTemplate([{ role: 'assistant', content: 'x' }]),
    );
    expect(error).toBeInstanceOf(OptionError);
    expect(error.message).toContain('Roles must start with user');
  });

  it('gives arguments of calls as text to a template that puts texts together', async () => {
    const tokenizer = await withTemplate(
      "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ '<' + c.function.arguments + '>' }}{% endfor %}{% endfor %}",
    );
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{"x": 1.0}' } } as const;
    const text = tokenizer.applyChatTemplate([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: '', tool_calls: [call] },
    ]);
    expect(String(text)).toBe('<{"x": 1.0}>');
  });

  it('refuses an empty conversation, and a broken template', async () => {
    const good = await withTemplate(chatMl);
    expect((await deliberateError(() => good.applyChatTemplate([]))).message).toMatch(/messages: got none/);
    const broken = await withTemplate('{% for %}');
    expect(
      await deliberateError(() => broken.applyChatTemplate([{ role: 'user', content: 'x' }])),
    ).toBeInstanceOf(FormatError);
  });

  it('gives a base model a plain transcript, which ends where the next turn starts', async () => {
    const tokenizer = await tokenizerOf(tinyModel());
    expect(tokenizer.chatTemplate).toBeNull();
    const text = tokenizer.applyChatTemplate([
      { role: 'system', content: 'A talk.' },
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'hello' },
      { role: 'user', content: 'how?' },
    ]);
    expect(String(text)).toBe('<s>A talk.\nUser: hi\nAssistant: hello\nUser: how?\nAssistant:');
    expect(String(text)).toContain(transcriptStop);
  });
});
