/** What a load needs to know of the server: its model, its context, and how long words are in tokens. */
import { EngineError, messageOf } from '../core/errors.js';
import { failure } from './chat.js';
import { sampleText } from './workload.js';

export interface ServerFacts {
  readonly model: string;
  /** Null where the server does not say. */
  readonly context: number | null;
  readonly wordsPerToken: number;
}

const SAMPLE_WORDS = 400;

/** Throws EngineError where the server cannot be reached or has no model. */
export async function serverFacts(url: string, apiKey: string | null, model?: string): Promise<ServerFacts> {
  const headers: Record<string, string> = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
  const get = async (path: string, body?: object): Promise<unknown> => {
    let response: Response;
    try {
      response = await fetch(new URL(path, url), {
        headers,
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
    } catch (cause) {
      throw new EngineError(
        {
          what: `the server at ${url}`,
          given:
            cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : messageOf(cause),
          expected: 'a server that answers',
          todo: 'Start one with `waferflow serve`.',
        },
        { cause },
      );
    }
    if (!response.ok) throw failure(`status ${response.status} at ${path}`);
    return response.json();
  };
  const { data } = (await get('/v1/models')) as {
    readonly data: readonly { readonly id: string; readonly max_model_len?: number }[];
  };
  const served = model === undefined ? data[0] : data.find(({ id }) => id === model);
  if (served === undefined) throw failure(`no model ${model ?? ''} at /v1/models`);
  let wordsPerToken = 1;
  try {
    const { tokens } = (await get('/tokenize', { model: served.id, content: sampleText(SAMPLE_WORDS) })) as {
      readonly tokens: readonly number[];
    };
    wordsPerToken = SAMPLE_WORDS / tokens.length;
  } catch {
    // Other servers have no such route: lengths are rough there, and counts still those of the server.
  }
  return { model: served.id, context: served.max_model_len ?? null, wordsPerToken };
}
