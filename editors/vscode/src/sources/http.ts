/** Any server with llama.cpp's `/infill`, or with OpenAI's routes: `/v1/completions`, with a suffix where that is taken. */
import { createParser } from 'eventsource-parser';
import type { ServerAddress } from './socket.js';
import { type FillIn, MAX_CHAT_TOKENS, type Piece, type Source } from './source.js';

export interface HttpServer extends ServerAddress {
  /** Empty where the server has one model only. */
  readonly model: string;
}

/** A route to fill in by, and where its events have text. */
interface Route {
  readonly path: string;
  readonly body: (request: FillIn) => Record<string, unknown>;
  readonly textOf: (event: Answer) => string | undefined;
}

/** The parts of all routes' events that are read here. */
interface Answer {
  readonly content?: string;
  readonly choices?: readonly {
    readonly text?: string;
    readonly delta?: { readonly content?: string | null };
  }[];
  readonly usage?: { readonly completion_tokens?: number } | null;
}

const completions: Route = {
  path: '/v1/completions',
  body: ({ prefix, suffix, maxTokens, stop }) => ({
    prompt: prefix,
    suffix: suffix || '\n',
    max_tokens: maxTokens,
    stop,
    temperature: 0,
  }),
  textOf: ({ choices }) => choices?.[0]?.text,
};

/** Asked first, because llama.cpp's server passes over a suffix without a word. */
const infill: Route = {
  path: '/infill',
  body: ({ prefix, suffix, maxTokens, stop }) => ({
    input_prefix: prefix,
    input_suffix: suffix || '\n',
    n_predict: maxTokens,
    stop,
    temperature: 0,
    cache_prompt: true,
  }),
  textOf: ({ content }) => content,
};

/** Goes on with what stands before the cursor. */
const plain: Route = {
  ...completions,
  body: (request) => ({ ...completions.body(request), suffix: undefined }),
};

/** Statuses by which servers say that they do not know a route or a suffix. */
const REFUSED: ReadonlySet<number> = new Set([400, 404, 405, 422, 501]);

/** A server that said no, or none at all. */
export class HttpError extends Error {
  readonly status: number;

  constructor(url: string, status: number, said: string) {
    const todo = status === 401 || status === 403 ? 'Run "waferflow: Set the Server\'s API Key".' : TODO;
    super(`${url} answered ${status}: ${said.slice(0, 300) || 'nothing'}. ${todo}`);
    this.name = 'HttpError';
    this.status = status;
  }
}

const TODO = 'Look at the settings waferflow.server and waferflow.model.';

export function httpSource({ url, apiKey, model }: HttpServer): Source {
  const base = url.replace(/\/(v1\/?)?$/, '');
  const headers = {
    'content-type': 'application/json',
    ...(apiKey !== null && { authorization: `Bearer ${apiKey}` }),
  };
  const named = model === '' ? {} : { model };
  const post = (path: string, body: Record<string, unknown>, signal: AbortSignal): Promise<Response> =>
    send(base + path, {
      method: 'POST',
      headers,
      body: JSON.stringify({ ...named, stream: true, ...body }),
      signal,
    });
  let routes: readonly Route[] = [infill, completions, plain];
  return {
    name: `${model || 'the model'} at ${url}`,
    isSmall: false,
    async *fillIn(request, signal) {
      const open = request.suffix === null ? [plain] : routes;
      for (const route of open) {
        try {
          const response = await post(route.path, route.body(request), signal);
          if (request.suffix !== null) routes = [route];
          yield* piecesOf(response, route.textOf, signal);
          return;
        } catch (error) {
          if (signal.aborted) return;
          const isLast = route === open.at(-1);
          if (isLast || !(error instanceof HttpError) || !REFUSED.has(error.status)) throw error;
        }
      }
    },
    async *chat(messages, signal) {
      const body = { messages, max_tokens: MAX_CHAT_TOKENS };
      const response = await post('/v1/chat/completions', body, signal);
      yield* piecesOf(response, ({ choices }) => choices?.[0]?.delta?.content ?? undefined, signal);
    },
    close: () => Promise.resolve(),
  };
}

async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (init.signal?.aborted) throw error;
    const { cause } = error as Error;
    throw new Error(`${url} does not answer (${cause instanceof Error ? cause.message : error}). ${TODO}`, {
      cause: error,
    });
  }
  if (response.ok) return response;
  throw new HttpError(url, response.status, (await response.text()).trim());
}

async function* piecesOf(
  response: Response,
  textOf: Route['textOf'],
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  const waiting: string[] = [];
  const parser = createParser({ onEvent: ({ data }) => waiting.push(data) });
  let pieces = 0;
  let tokens: number | null = null;
  let first = 0;
  try {
    for await (const bytes of response.body!.pipeThrough(new TextDecoderStream())) {
      parser.feed(bytes);
      for (const data of waiting.splice(0)) {
        if (data === '[DONE]') continue;
        const answer = JSON.parse(data) as Answer;
        tokens = answer.usage?.completion_tokens ?? tokens;
        const text = textOf(answer);
        if (text === undefined || text === '') continue;
        if (pieces++ === 0) first = performance.now();
        yield { kind: 'text', text };
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  // Servers send a piece for each token.
  const seconds = (performance.now() - first) / 1000;
  const tokensPerSecond = pieces > 1 ? (pieces - 1) / seconds : null;
  yield { kind: 'facts', facts: { tokens: tokens ?? pieces, tokensPerSecond, simulated: null } };
}
