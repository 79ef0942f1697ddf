/** Asks over WebSockets that persist: the Responses API in JSON, or in MessagePack through the client library. */
import { type Client, connect } from '../client/index.js';
import type { ResponseUsage } from '../protocol/protocol.js';
import { connectSocket } from '../protocol/ws.js';
import { failure } from './chat.js';
import type { LoadLine, LoadRequest, LoadTarget, LoadUsage } from './types.js';

function body(model: string, { prompt, maxTokens }: LoadRequest) {
  return {
    model,
    input: prompt,
    max_output_tokens: maxTokens,
    temperature: 0,
    store: false,
    // Lengths are to be those asked for.
    ignore_eos: true,
  };
}

function usageOf(usage: ResponseUsage): LoadUsage {
  return {
    promptTokens: usage.input_tokens,
    cachedTokens: usage.input_tokens_details.cached_tokens,
    outputTokens: usage.output_tokens,
  };
}

export async function openMsgpackLine({ url, apiKey, model }: LoadTarget): Promise<LoadLine> {
  const client: Client = await connect({
    url,
    ...(apiKey !== null && { apiKey }),
    // A cut is a failure to be counted.
    reconnect: { attempts: 0 },
  });
  return {
    ask: async (request, onText, signal) => {
      const stream = client.respond(body(model, request), { signal });
      for await (const event of stream) if (event.type === 'text' && event.text !== '') onText();
      signal.throwIfAborted();
      const { usage } = await stream.response;
      if (usage === null) throw failure('a response without usage');
      return usageOf(usage);
    },
    close: () => client.close(),
  };
}

interface TextEvent {
  readonly type: string;
  readonly response?: {
    readonly usage: ResponseUsage | null;
    readonly error?: { readonly message: string } | null;
  };
  readonly error?: { readonly message?: string };
}

export async function openTextLine({ url, apiKey, model }: LoadTarget): Promise<LoadLine> {
  const target = new URL('/v1/responses', url);
  target.protocol = target.protocol === 'https:' ? 'wss:' : 'ws:';
  const socket = connectSocket(target.href, {
    protocols: [],
    headers: apiKey === null ? {} : { authorization: `Bearer ${apiKey}` },
  });
  /** Of the request under way. */
  let take: ((event: TextEvent) => void) | null = null;
  let fail: ((error: Error) => void) | null = null;
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    fail = reject;
    socket.onerror = ({ message }) => fail?.(failure(message));
    socket.onclose = ({ code }) => fail?.(failure(`a socket closed with code ${code}`));
    socket.onmessage = ({ data }) => take?.(JSON.parse(String(data)) as TextEvent);
  });
  return {
    ask: (request, onText, signal) =>
      new Promise<LoadUsage>((resolve, reject) => {
        const onAbort = (): void => reject(signal.reason as Error);
        const settle = (run: () => void): void => {
          signal.removeEventListener('abort', onAbort);
          take = null;
          fail = null;
          run();
        };
        signal.addEventListener('abort', onAbort);
        fail = (error) => settle(() => reject(error));
        take = ({ type, response, error }) => {
          switch (type) {
            case 'response.output_text.delta':
              onText();
              break;
            case 'response.completed':
            case 'response.incomplete':
              settle(() =>
                response?.usage
                  ? resolve(usageOf(response.usage))
                  : reject(failure('a response without usage')),
              );
              break;
            case 'response.failed':
              settle(() => reject(failure(response?.error?.message ?? 'a response that failed')));
              break;
            case 'error':
              settle(() => reject(failure(error?.message ?? 'an error event')));
              break;
          }
        };
        socket.send(JSON.stringify({ type: 'response.create', ...body(model, request) }));
      }),
    close: () => socket.close(),
  };
}
