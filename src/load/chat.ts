/** Asks by `POST /v1/chat/completions` with server-sent events, as vLLM's benchmark does. */
import { EngineError } from '../core/errors.js';
import type { LoadLine, LoadTarget, LoadUsage } from './types.js';

interface ChatChunk {
  readonly choices?: readonly { readonly delta?: { readonly content?: string | null } }[];
  readonly usage?: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number } | null;
  } | null;
  readonly error?: { readonly message?: string };
}

export function openChatLine({ url, apiKey, model }: LoadTarget): Promise<LoadLine> {
  const endpoint = new URL('/v1/chat/completions', url);
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
  };
  return Promise.resolve({
    ask: async ({ prompt, maxTokens }, onText, signal) => {
      const body = {
        model,
        messages: [{ role: 'user', content: prompt }],
        max_tokens: maxTokens,
        temperature: 0,
        // Lengths are to be those asked for.
        ignore_eos: true,
        stream: true,
        stream_options: { include_usage: true },
      };
      const response = await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify(body), signal });
      if (!response.ok || response.body === null) throw failure(`status ${response.status}`);
      let usage: LoadUsage | null = null;
      for await (const data of serverSentData(response.body)) {
        if (data === '[DONE]') break;
        const chunk = JSON.parse(data) as ChatChunk;
        if (chunk.error) throw failure(chunk.error.message ?? 'an error in the stream');
        if (chunk.choices?.[0]?.delta?.content) onText();
        if (chunk.usage) {
          usage = {
            promptTokens: chunk.usage.prompt_tokens,
            cachedTokens: chunk.usage.prompt_tokens_details?.cached_tokens ?? 0,
            outputTokens: chunk.usage.completion_tokens,
          };
        }
      }
      if (usage === null) throw failure('a stream without usage');
      return usage;
    },
    close: () => undefined,
  });
}

/** The `data` of each event. */
async function* serverSentData(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const bytes of body) {
    held += decoder.decode(bytes, { stream: true });
    const events = held.split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) {
      const data = event
        .split('\n')
        .flatMap((line) => (line.startsWith('data:') ? [line.slice(5).trimStart()] : []))
        .join('\n');
      if (data !== '') yield data;
    }
  }
}

export function failure(given: string): EngineError {
  return new EngineError({
    what: 'answer of the server',
    given,
    expected: 'a stream with its end',
    todo: 'See the log of the server.',
  });
}
