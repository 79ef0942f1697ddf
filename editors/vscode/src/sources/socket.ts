/** A waferflow server, over one WebSocket that stays open and is opened again after a cut. */
import { type Client, connect, type ResponseParams, type ResponseStream } from '../client.js';
import { MAX_CHAT_TOKENS, type Piece, type Source } from './source.js';

export interface ServerAddress {
  readonly url: string;
  readonly apiKey: string | null;
}

/** Rejects with a ConnectionError where no server answers. */
export async function socketSource({ url, apiKey }: ServerAddress): Promise<Source> {
  const client = await connect({ url, ...(apiKey !== null && { apiKey }), reconnect: { attempts: 4 } });
  let lanes = 0;
  return {
    name: `waferflow at ${url}`,
    isSmall: false,
    fillIn: ({ prefix, suffix, maxTokens, stop }, signal) => {
      // Two lanes in turn, so that a new request never waits for the end of the one it replaces.
      const params = {
        input: prefix,
        suffix: suffix === null ? '' : suffix || '\n',
        max_output_tokens: maxTokens,
        temperature: 0,
      };
      return untilStop(client, { ...params, lane: `fill-in-${lanes++ % 2}` }, stop, signal);
    },
    chat: (messages, signal) =>
      untilStop(client, { input: messages, max_output_tokens: MAX_CHAT_TOKENS, lane: 'chat' }, [], signal),
    close: async () => client.close(),
  };
}

/** The Responses API has no stop strings: the answer is cancelled where one comes. */
async function* untilStop(
  client: Client,
  params: ResponseParams,
  stop: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Piece> {
  if (signal.aborted) return;
  const stream = client.respond({ ...params, store: false }, { signal });
  let said = '';
  let isStopped = false;
  for await (const event of stream) {
    if (event.type === 'text' && !isStopped) {
      const before = said.length;
      said += event.text;
      const at = Math.min(...stop.map((text) => said.indexOf(text)).map((at) => (at < 0 ? Infinity : at)));
      isStopped = at < Infinity;
      yield { kind: 'text', text: said.slice(before, at) };
      if (isStopped) stream.cancel();
    } else if (event.type === 'end') yield { kind: 'facts', facts: factsOf(event.response.usage) };
  }
}

type Usage = Awaited<ResponseStream['response']>['usage'];

function factsOf(usage: Usage): Extract<Piece, { kind: 'facts' }>['facts'] {
  return {
    tokens: usage?.output_tokens ?? null,
    tokensPerSecond: usage?.waferflow.measured.decodeTokensPerSecond || null,
    simulated: usage?.waferflow.simulated ?? null,
  };
}
