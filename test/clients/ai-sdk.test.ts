/**
 * The Vercel AI SDK with each of its providers: texts, tools in a loop, objects of a schema, a second turn, and thoughts. Of
 * its providers, which are in test/tools; without them these tests skip and say so.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { generateText, jsonSchema, type LanguageModel, Output, stepCountIs, streamText, tool } from 'ai';
import { describe, expect, it } from 'vitest';
import { scriptedServer } from './scripted.js';

// Its notes about models that it does not know.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

const tools = fileURLToPath(new URL('../tools/', import.meta.url));
const isInstalled = existsSync(`${tools}node_modules/@ai-sdk/openai`);
if (!isInstalled) process.stderr.write("skipped: the AI SDK's providers are not installed in test/tools\n");

interface Settings {
  readonly baseURL: string;
  readonly apiKey: string;
  readonly name?: string;
}
type Provider = ((model: string) => LanguageModel) & { readonly chat: (model: string) => LanguageModel };

async function provider(name: string, make: string, settings: Settings): Promise<Provider> {
  const path = createRequire(tools).resolve(`@ai-sdk/${name}`);
  const module = (await import(pathToFileURL(path).href)) as Record<string, (given: Settings) => Provider>;
  return module[make]!(settings);
}

const models: Readonly<Record<string, (url: string) => Promise<LanguageModel>>> = {
  openai: async (url) =>
    (await provider('openai', 'createOpenAI', { baseURL: `${url}/v1`, apiKey: 'none' }))('null'),
  'openai.chat': async (url) =>
    (await provider('openai', 'createOpenAI', { baseURL: `${url}/v1`, apiKey: 'none' })).chat('null'),
  'openai-compatible': async (url) =>
    (
      await provider('openai-compatible', 'createOpenAICompatible', {
        baseURL: `${url}/v1`,
        apiKey: 'none',
        name: 'waferflow',
      })
    )('null'),
  anthropic: async (url) =>
    (await provider('anthropic', 'createAnthropic', { baseURL: `${url}/v1`, apiKey: 'none' }))('null'),
};

const template = `{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
{%- for call in m.tool_calls or [] %}<tool_call>{{ call.function.arguments|tojson }}</tool_call>{% endfor %}{% endfor %}
{%- if tools %}{{ tools|length }} tools{% endif %}[assistant]`;

const weather = tool({
  description: 'The weather of a city',
  inputSchema: jsonSchema<{ city: string }>({
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
  }),
  execute: ({ city }) => `sun in ${city}`,
});
const call = '<tool_call>\n{"name": "weather", "arguments": {"city": "Bern"}}\n</tool_call>';

describe.skipIf(!isInstalled).each(Object.entries(models))('%s', (name, modelOf) => {
  it('gives a text, whole and streamed', async () => {
    const { url } = await scriptedServer('Hello there.', { engine: { template } });
    const model = await modelOf(url);
    const { text, finishReason, usage } = await generateText({ model, prompt: 'hi' });
    expect({ text, finishReason }).toEqual({ text: 'Hello there.', finishReason: 'stop' });
    expect(usage.outputTokens).toBe(12);
    let streamed = '';
    for await (const part of streamText({ model, prompt: 'hi' }).textStream) streamed += part;
    expect(streamed).toBe(text);
  });

  it.each([false, true])('calls tools until there is an answer, streamed: %s', async (isStream) => {
    const { url, seen } = await scriptedServer((_prompt, turn) => (turn === 0 ? call : 'It is sunny.'), {
      engine: { template },
    });
    const options = {
      model: await modelOf(url),
      prompt: 'weather?',
      tools: { weather },
      stopWhen: stepCountIs(3),
    };
    const text = isStream ? await streamText(options).text : (await generateText(options)).text;
    expect(text).toBe('It is sunny.');
    expect(seen).toHaveLength(2);
    expect(seen[1]!.prompt).toContain('<tool_call>{"city": "Bern"}</tool_call>[tool]sun in Bern');
  });

  it('remembers what was said and thought in a second turn', async () => {
    const { url, seen } = await scriptedServer('<think>\nhm\n</think>\n\nYes.', { engine: { template } });
    const model = await modelOf(url);
    const user = { role: 'user', content: 'sure?' } as const;
    const { response, text, reasoningText } = await generateText({ model, messages: [user] });
    expect(text).toBe('Yes.');
    // OpenAI's provider reads summaries only, and in its chat no thoughts at all.
    if (!name.startsWith('openai') || name === 'openai-compatible') expect(reasoningText).toBe('hm');
    await generateText({
      model,
      messages: [user, ...response.messages, { role: 'user', content: 'really?' }],
    });
    const thought = name === 'openai.chat' ? '' : '<think>hm</think>';
    expect(seen[1]!.prompt).toContain(`[user]sure?[assistant]${thought}Yes.[user]really?`);
  });

  it('gives an object of a schema', async () => {
    const { url, seen } = await scriptedServer('{"a": 1}', { engine: { template } });
    const schema = jsonSchema<{ a: number }>({
      type: 'object',
      properties: { a: { type: 'number' } },
      required: ['a'],
      additionalProperties: false,
    });
    const { output } = await generateText({
      model: await modelOf(url),
      prompt: 'x',
      output: Output.object({ schema }),
    });
    expect(output).toEqual({ a: 1 });
    // Anthropic's provider asks models that it does not know for a call in that form.
    if (name !== 'anthropic') expect(seen[0]!.options.grammar?.type).toMatch(/^json/);
  });
});
