/** Which of a file's chat templates a conversation goes through. */
import { describe, expect, it } from 'vitest';
import { FormatError, OptionError } from '#src/core/errors.js';
import { writeGguf } from '#src/formats/gguf-writer.js';
import { plain } from '#src/formats/jinja/text.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import type { ChatTool } from '#src/formats/tokenizer-types.js';
import { readBytes } from '../../helpers/gguf.js';

const plainTemplate = 'plain: {{ messages[0].content }}';
const toolTemplate = '{{ tools|length }} tools: {{ messages[0].content }}';
const ragTemplate = 'rag: {{ messages[0].content }}';

const tool: ChatTool = {
  type: 'function',
  function: { name: 'f', description: '', parameters: { type: 'object', properties: {} } },
};

async function rendered(
  templates: Readonly<Record<string, string>>,
  wanted: string | null,
): Promise<{ alone: string; withTools: string }> {
  const file = await readBytes(
    writeGguf(
      {
        'tokenizer.ggml.model': 'llama',
        'tokenizer.ggml.tokens': ['<unk>', '<s>', '</s>', 'a'],
        'tokenizer.ggml.scores': Float32Array.of(0, 0, 0, 0),
        'tokenizer.ggml.token_type': [2, 3, 3, 1],
        ...templates,
      },
      [],
    ),
  );
  const tokenizer = createTokenizer(file, wanted === null ? {} : { chatTemplate: wanted });
  const messages = [{ role: 'user', content: 'hi' }] as const;
  return {
    alone: plain(tokenizer.applyChatTemplate(messages)),
    withTools: plain(tokenizer.applyChatTemplate(messages, { tools: [tool] })),
  };
}

const key = 'tokenizer.chat_template';

describe('chat templates of a file', () => {
  it('one is for all conversations', async () => {
    expect(await rendered({ [key]: plainTemplate }, null)).toEqual({
      alone: 'plain: hi',
      withTools: 'plain: hi',
    });
  });

  it('the one named tool_use is for those with functions', async () => {
    const templates = { [key]: plainTemplate, [`${key}.tool_use`]: toolTemplate };
    expect(await rendered(templates, null)).toEqual({ alone: 'plain: hi', withTools: '1 tools: hi' });
  });

  it('another one is taken by its name, or given as Jinja', async () => {
    const templates = {
      [key]: plainTemplate,
      [`${key}.tool_use`]: toolTemplate,
      [`${key}.rag`]: ragTemplate,
    };
    expect(await rendered(templates, 'rag')).toEqual({ alone: 'rag: hi', withTools: 'rag: hi' });
    expect((await rendered(templates, 'default')).withTools).toBe('plain: hi');
    expect((await rendered(templates, 'mine: {{ messages[0].content }}')).alone).toBe('mine: hi');
  });

  it('an unknown name and broken Jinja are refused with what there is', async () => {
    const templates = { [key]: plainTemplate, [`${key}.rag`]: ragTemplate };
    await expect(rendered(templates, 'chatml')).rejects.toThrow(OptionError);
    await expect(rendered(templates, 'chatml')).rejects.toThrow(/which has rag/);
    await expect(rendered(templates, '{% if %}')).rejects.toThrow(FormatError);
  });
});
