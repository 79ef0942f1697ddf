/** An engine that says what a test tells it, so that what the server makes of it can be seen; it keeps the prompts. */
import { compileChatTemplate } from '#src/formats/chat/template.js';
import type { GenerateChunk, GenerateOptions, Prompt, Tokenizer } from '#src/runtime/types.js';
import type { RunningServer, ServerOptions } from '#src/server/serve.js';
import { NullEngine, type NullEngineOptions } from '#src/testing/null-engine.js';
import { testServer } from '../server/server.js';

export interface Seen {
  /** As the model reads it. */
  readonly prompt: string;
  readonly options: GenerateOptions;
}

export interface ScriptedOptions extends NullEngineOptions {
  /** Before the first token, as if a long prompt was read. */
  readonly delayMs?: number;
  /** A chat template, in Jinja. */
  readonly template?: string;
}

/** Bytes in a piece of an answer, each of them a token. */
const PIECE = 7;

export class ScriptedEngine extends NullEngine {
  readonly seen: Seen[] = [];
  private readonly say: (prompt: string, turn: number) => string;
  private readonly delayMs: number;

  constructor(
    say: string | ((prompt: string, turn: number) => string),
    { delayMs = 0, template, ...options }: ScriptedOptions = {},
  ) {
    super(options);
    if (template !== undefined) {
      const tokenizer = Object.create(this.tokenizer) as Tokenizer;
      const applyChatTemplate = compileChatTemplate(template, { bos: '', eos: '</s>' });
      const own = { chatTemplate: template, toolTemplate: template, applyChatTemplate };
      Object.assign(this, { tokenizer: Object.assign(tokenizer, own) });
    }
    this.say = typeof say === 'string' ? () => say : say;
    this.delayMs = delayMs;
  }

  override async *generate(given: Prompt, options: GenerateOptions = {}): AsyncGenerator<GenerateChunk> {
    const promptIds = given as readonly number[];
    const prompt = this.tokenizer.decode(promptIds);
    const all = [...new TextEncoder().encode(this.say(prompt, this.seen.length))];
    this.seen.push({ prompt, options });
    options.onQueue?.(0, Math.min(2, promptIds.length));
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const ids = all.slice(0, options.maxTokens);
    const decoder = this.tokenizer.decoder();
    let text = '';
    for (let at = 0; at < ids.length; at += PIECE) {
      const fresh = ids.slice(at, at + PIECE);
      const piece = fresh.map((id) => decoder.push(id)).join('');
      text += piece;
      const logprobs = fresh.map((id) => ({ id, logprob: -1, top: [] }));
      yield {
        done: false,
        text: piece,
        ids: fresh,
        ...(options.logprobs !== undefined && { logprobs }),
      };
    }
    yield {
      done: true,
      text,
      ids,
      promptIds,
      finishReason: ids.length < all.length ? 'length' : 'stop',
      stopString: null,
      timings: {
        promptTokens: promptIds.length,
        generatedTokens: ids.length,
        cachedTokens: Math.min(2, promptIds.length),
        draftTokens: 0,
        acceptedTokens: 0,
        queueMs: 0,
        ttftMs: 1,
        prefillMs: 1,
        decodeMs: 1,
        prefillTokensPerSecond: 0,
        decodeTokensPerSecond: 0,
      },
      simulated: [],
    };
  }
}

/** A server of a model named `null` that says this. */
export async function scriptedServer(
  say: string | ((prompt: string, turn: number) => string),
  options: Partial<ServerOptions> & {
    readonly engine?: ConstructorParameters<typeof ScriptedEngine>[1];
  } = {},
): Promise<RunningServer & { readonly seen: readonly Seen[] }> {
  const { engine: engineOptions, ...rest } = options;
  const engine = new ScriptedEngine(say, engineOptions);
  const server = await testServer({ load: () => Promise.resolve(engine), ...rest });
  return { ...server, seen: engine.seen };
}

/** Posts JSON; the status and what came back. */
export async function post(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
