/** Answers from a waferflow server, over one WebSocket in its binary form. */
import { type ReadonlySignal, signal } from '@preact/signals';
import { Client, type LinkState, type ResponseStream } from '../../client/index.js';
import { messageOf } from '../../core/errors.js';
import {
  type Answer,
  type AnswerEvent,
  type Answerer,
  endNote,
  type Said,
  type Settings,
  type Source,
} from './source.js';

/** A server may be restarted: the page tries again for as long as it is open. */
const reconnect = { attempts: Number.POSITIVE_INFINITY, firstDelayMs: 200, maxDelayMs: 2000 };

export class ServerSource implements Source {
  readonly url: string;
  private readonly linkState = signal<LinkState>('connecting');
  private readonly trouble = signal<string | null>(null);
  private readonly headers: Readonly<Record<string, string>>;
  private client: Client;

  readonly state: ReadonlySignal<LinkState> = this.linkState;
  /** Why there is no connection: a sentence that says what to do. */
  readonly problem: ReadonlySignal<string | null> = this.trouble;

  constructor(url: string, apiKey: string | null) {
    this.url = url;
    this.headers = apiKey === null ? {} : { authorization: `Bearer ${apiKey}` };
    this.client = new Client({
      url,
      ...(apiKey !== null && { apiKey }),
      reconnect,
      onState: (state) => {
        this.linkState.value = state;
        if (state === 'open') this.trouble.value = null;
      },
    });
  }

  /** Opens the connection; a failure stands in `problem`. */
  async open(): Promise<void> {
    try {
      await this.client.open();
    } catch (error) {
      this.linkState.value = 'closed';
      this.trouble.value = `${await why(this.url)} (${messageOf(error)})`;
    }
  }

  /** Asks the server who answers; null where it does not say. */
  async answerer(): Promise<Answerer | null> {
    const read = async (path: string): Promise<unknown> =>
      (await fetch(new URL(path, this.url), { headers: this.headers })).json();
    try {
      const [models, props] = await Promise.all([read('/v1/models'), read('/props')]);
      const name = (models as { data?: { id?: string }[] }).data?.[0]?.id;
      const template = (props as { chat_template?: string }).chat_template;
      return name === undefined || template === undefined ? null : { name, isChat: template !== '' };
    } catch {
      // A server that does not say is still one to talk with.
      return null;
    }
  }

  ask(
    turns: readonly Said[],
    { maxTokens, temperature, topP, frequencyPenalty, seed, system }: Settings,
  ): Answer {
    return new ServerAnswer(
      this.client.respond({
        input: turns.map(({ role, text }) => ({ role, content: text })),
        max_output_tokens: maxTokens,
        ...(temperature !== null && { temperature }),
        ...(topP !== null && { top_p: topP }),
        ...(frequencyPenalty !== null && { frequency_penalty: frequencyPenalty }),
        ...(seed !== null && { seed }),
        ...(system !== '' && { instructions: system }),
        store: false,
        // A piece of text may be several tokens; with their probabilities they can be counted as they come.
        include: ['message.output_text.logprobs'],
      }),
    );
  }

  close(): void {
    this.client.close();
  }
}

/** What keeps a browser from the server; the WebSocket itself does not tell. */
async function why(url: string): Promise<string> {
  const answer = await fetch(new URL('/v1/models', url)).catch(() => null);
  if (answer === null) {
    const elsewhere = new URL(url).origin === location.origin ? '' : ` with --origin ${location.origin}`;
    return `${url} does not answer: start it with \`waferflow serve\`${elsewhere}, then try again.`;
  }
  if (answer.status === 401) return 'The server wants an API key: enter one of those that it knows.';
  return `${url} answers, but takes no WebSocket from this page: is it a waferflow server?`;
}

class ServerAnswer implements Answer {
  private readonly stream: ResponseStream;

  constructor(stream: ResponseStream) {
    this.stream = stream;
  }

  cancel(): void {
    this.stream.cancel();
  }

  steer(text: string): Promise<void> {
    return this.stream.steer(text);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AnswerEvent, void, void> {
    // Counted with the text; the end corrects it.
    let counted = 0;
    for await (const event of this.stream) {
      switch (event.type) {
        case 'queued':
          yield { type: 'queued', position: event.position };
          break;
        case 'text': {
          const count = event.logprobs?.length ?? 0;
          counted += count;
          yield { type: 'text', text: event.text };
          if (count > 0) yield { type: 'tokens', count };
          break;
        }
        case 'rateLimits':
          yield { type: 'limits', headers: event.headers };
          break;
        case 'steered':
          yield { type: 'tokens', count: (event.response.usage?.output_tokens ?? counted) - counted };
          counted = 0;
          yield { type: 'steered' };
          break;
        case 'end': {
          const { status, incomplete_details: details, usage } = event.response;
          yield { type: 'tokens', count: (usage?.output_tokens ?? counted) - counted };
          const note = endNote(details?.reason ?? status);
          yield { type: 'end', note, simulated: usage?.waferflow.simulated ?? [] };
          break;
        }
        default:
          break;
      }
    }
  }
}
