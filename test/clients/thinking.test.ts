/**
 * Thinking through all four APIs with their own clients: thoughts come apart, whole and streamed, go back into the template
 * with the next turn, are counted, can be switched off, and can be left in the text.
 */
import Anthropic from '@anthropic-ai/sdk';
import { Ollama } from 'ollama';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { type Seen, scriptedServer } from './scripted.js';

const template = `{% for m in messages %}[{{ m.role }}]{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}
{%- for call in m.tool_calls or [] %}<tool_call>{{ call.function.name }}</tool_call>{% endfor %}{% endfor %}
{%- if tools %}{{ tools|length }} tools{% endif %}[assistant]
{%- if enable_thinking is defined and not enable_thinking %}<think></think>{% else %}<think>
{% endif %}`;

const thought = 'Is it? It is.';
const say = (prompt: string): string =>
  prompt.endsWith('<think></think>') ? 'Yes.' : `${thought}\n</think>\n\nYes.`;

interface Turn {
  readonly thought: string;
  readonly text: string;
  /** Of thoughts, where the API counts them. */
  readonly tokens?: number | undefined;
}

/** One turn of a conversation and a second one that sends it back, in the words of an API. */
interface Surface {
  readonly ask: (url: string, isStream: boolean, isOff?: boolean) => Promise<Turn>;
  readonly goOn: (url: string) => Promise<void>;
}

const openai = (url: string) => new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
const anthropic = (url: string) => new Anthropic({ baseURL: url, apiKey: 'none', maxRetries: 0 });
const user = { role: 'user', content: 'Sure?' } as const;

type Thinking = { readonly reasoning_content?: string };

const chat: Surface = {
  async ask(url, isStream, isOff = false) {
    const request = {
      model: 'null',
      messages: [user],
      ...(isOff && { reasoning_effort: 'none' as const }),
    };
    if (!isStream) {
      const { choices, usage } = await openai(url).chat.completions.create(request);
      const message = choices[0]!.message as OpenAI.ChatCompletionMessage & Thinking;
      const tokens = usage?.completion_tokens_details?.reasoning_tokens;
      return { thought: message.reasoning_content ?? '', text: message.content ?? '', tokens };
    }
    const turn = { thought: '', text: '', tokens: 0 };
    const stream = await openai(url).chat.completions.create({
      ...request,
      stream: true,
      stream_options: { include_usage: true },
    });
    for await (const { choices, usage } of stream) {
      const delta = choices[0]?.delta as (OpenAI.ChatCompletionChunk.Choice.Delta & Thinking) | undefined;
      turn.thought += delta?.reasoning_content ?? '';
      turn.text += delta?.content ?? '';
      turn.tokens = usage?.completion_tokens_details?.reasoning_tokens ?? turn.tokens;
    }
    return turn;
  },
  async goOn(url) {
    const { choices } = await openai(url).chat.completions.create({ model: 'null', messages: [user] });
    await openai(url).chat.completions.create({
      model: 'null',
      messages: [user, choices[0]!.message, { role: 'user', content: 'Really?' }],
    });
  },
};

const responses: Surface = {
  async ask(url, isStream, isOff = false) {
    const request = {
      model: 'null',
      input: 'Sure?',
      ...(isOff && { reasoning: { effort: 'none' as const } }),
    };
    const turnOf = ({ output, output_text: text, usage }: OpenAI.Responses.Response): Turn => ({
      thought: output
        .flatMap((item) => (item.type === 'reasoning' ? (item.content ?? []) : []))
        .map((part) => part.text)
        .join(''),
      text,
      tokens: usage?.output_tokens_details.reasoning_tokens,
    });
    if (!isStream) return turnOf(await openai(url).responses.create(request));
    let streamed = '';
    const stream = openai(url).responses.stream(request);
    for await (const event of stream)
      if (event.type === 'response.reasoning_text.delta') streamed += event.delta;
    const turn = turnOf(await stream.finalResponse());
    expect(streamed).toBe(turn.thought);
    return turn;
  },
  async goOn(url) {
    const { id } = await openai(url).responses.create({ model: 'null', input: 'Sure?' });
    await openai(url).responses.create({ model: 'null', previous_response_id: id, input: 'Really?' });
  },
};

const messages: Surface = {
  async ask(url, isStream, isOff = false) {
    const request = {
      model: 'null',
      max_tokens: 100,
      messages: [user],
      thinking: isOff ? { type: 'disabled' as const } : { type: 'enabled' as const, budget_tokens: 1024 },
    };
    const { content } = isStream
      ? await anthropic(url).messages.stream(request).finalMessage()
      : await anthropic(url).messages.create(request);
    const turn = { thought: '', text: '' };
    for (const block of content) {
      if (block.type === 'thinking') {
        turn.thought += block.thinking;
        expect(block.signature).not.toBe('');
      } else if (block.type === 'text') turn.text += block.text;
    }
    return turn;
  },
  async goOn(url) {
    const { content } = await anthropic(url).messages.create({
      model: 'null',
      max_tokens: 100,
      messages: [user],
    });
    await anthropic(url).messages.create({
      model: 'null',
      max_tokens: 100,
      messages: [user, { role: 'assistant', content }, { role: 'user', content: 'Really?' }],
    });
  },
};

const ollama: Surface = {
  async ask(url, isStream, isOff = false) {
    const client = new Ollama({ host: url });
    const request = { model: 'null', messages: [user], think: !isOff };
    const turn = { thought: '', text: '' };
    if (isStream)
      for await (const { message } of await client.chat({ ...request, stream: true })) {
        turn.thought += message.thinking ?? '';
        turn.text += message.content;
      }
    else {
      const { message } = await client.chat(request);
      return { thought: message.thinking ?? '', text: message.content };
    }
    return turn;
  },
  async goOn(url) {
    const client = new Ollama({ host: url });
    const { message } = await client.chat({ model: 'null', messages: [user] });
    await client.chat({ model: 'null', messages: [user, message, { role: 'user', content: 'Really?' }] });
  },
};

const surfaces = { chat, responses, messages, ollama };

describe.each(Object.entries(surfaces))('%s', (_name, surface) => {
  it.each([false, true])('thoughts come apart, streamed: %s', async (isStream) => {
    const { url } = await scriptedServer(say, { engine: { template } });
    const turn = await surface.ask(url, isStream);
    expect(turn).toMatchObject({ thought, text: 'Yes.' });
    if ('tokens' in turn) expect(turn.tokens).toBeGreaterThanOrEqual(thought.length);
  });

  it.each([false, true])('and stay away where they are switched off, streamed: %s', async (isStream) => {
    const { url, seen } = await scriptedServer(say, { engine: { template } });
    const turn = await surface.ask(url, isStream, true);
    expect(turn).toMatchObject({ thought: '', text: 'Yes.' });
    if ('tokens' in turn) expect(turn.tokens).toBe(0);
    expect(seen[0]!.prompt).toMatch(/<think><\/think>$/);
  });

  it('go into the template with the next turn', async () => {
    const { url, seen } = await scriptedServer(say, { engine: { template } });
    await surface.goOn(url);
    expect(lastPrompt(seen)).toContain(`[assistant]<think>${thought}</think>Yes.[user]Really?`);
  });

  it('stay in the text where the server is told so', async () => {
    const { url } = await scriptedServer(say, { engine: { template }, reasoning: 'content' });
    for (const isStream of [false, true]) {
      const turn = await surface.ask(url, isStream);
      expect(turn).toMatchObject({ thought: '' });
      expect(turn.text).toBe(`<think>\n${thought}\n</think>\n\nYes.`);
    }
  });
});

function lastPrompt(seen: readonly Seen[]): string {
  return seen.at(-1)!.prompt;
}

describe('further fields', () => {
  it('of chat leave thoughts in the text of one answer', async () => {
    const { url } = await scriptedServer(say, { engine: { template } });
    for (const field of [{ reasoning_format: 'none' }, { separate_reasoning: false }]) {
      const body = {
        model: 'null',
        messages: [user],
        ...field,
      } as OpenAI.ChatCompletionCreateParamsNonStreaming;
      const { choices } = await openai(url).chat.completions.create(body);
      expect(choices[0]!.message.content).toContain(thought);
    }
  });

  it('of Responses carry thoughts through a client that sends back nothing but what is encrypted', async () => {
    const { url, seen } = await scriptedServer(say, { engine: { template } });
    const { output } = await openai(url).responses.create({
      model: 'null',
      input: 'Sure?',
      store: false,
      include: ['reasoning.encrypted_content'],
    });
    // As Codex does.
    const items = output.map((item) => (item.type === 'reasoning' ? { ...item, content: undefined } : item));
    await openai(url).responses.create({
      model: 'null',
      input: [user, ...items, { role: 'user', content: 'Really?' }] as OpenAI.Responses.ResponseInput,
    });
    expect(lastPrompt(seen)).toContain(`<think>${thought}</think>Yes.[user]Really?`);
  });

  it('of Responses show thoughts as a summary where one is wanted', async () => {
    const { url } = await scriptedServer(say, { engine: { template } });
    const request = { model: 'null', input: 'Sure?', reasoning: { summary: 'auto' as const } };
    let streamed = '';
    const stream = openai(url).responses.stream(request);
    for await (const event of stream)
      if (event.type === 'response.reasoning_summary_text.delta') streamed += event.delta;
    const { output } = await stream.finalResponse();
    expect(streamed).toBe(thought);
    expect(output[0]).toMatchObject({
      type: 'reasoning',
      summary: [{ type: 'summary_text', text: thought }],
    });
  });

  it('of Responses and Messages tie a thought to the call that follows it', async () => {
    const { url, seen } = await scriptedServer('ok', { engine: { template } });
    const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' } as const;
    await openai(url).responses.create({
      model: 'null',
      input: [
        user,
        { type: 'reasoning', id: 'rs_1', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }] },
        call,
        { type: 'function_call_output', call_id: 'c', output: '1' },
      ],
    });
    await anthropic(url).messages.create({
      model: 'null',
      max_tokens: 9,
      messages: [
        user,
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm', signature: '' },
            { type: 'tool_use', id: 'c', name: 'f', input: {} },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content: '1' }] },
      ],
    });
    for (const { prompt } of seen)
      expect(prompt).toContain('[user]Sure?[assistant]<think>hm</think><tool_call>f</tool_call>[tool]1');
  });
});
