/** Ollama's API: `/api/generate`, `/api/chat`, and what its clients ask about models. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { ApiError } from '../errors.js';
import { clientSignal, type ErrorFormat, parseBody, writeErrors } from '../http.js';
import { complete, requireRoom } from '../road/complete.js';
import type { CompletionPrompt } from '../road/completion.js';
import { promptIds } from '../road/prompt.js';
import { withoutOldTurns } from '../road/truncate.js';
import { weighed } from '../road/weighed.js';
import { type StreamForm, sendStream } from '../stream.js';
import { type AnswerLine, answerLines, chatJson, generateJson, wholeLine } from './answer.js';
import { registerOllamaEmbed } from './embed.js';
import { registerManagement } from './manage.js';
import {
  type ChatBody,
  chatBody,
  chatPrompt,
  type GenerateBody,
  generateBody,
  generateOptions,
  generatePrompt,
  requireThinking,
  withPreset,
} from './request.js';
import { isUnload, namedModel, unloadModel, useOllamaModel } from './use.js';

export function registerOllama(app: FastifyInstance, all: ServerContext): void {
  app.register((scope, _options, done) => {
    writeErrors(scope, () => ollamaError, all.log);
    scope.post('/api/generate', async (request, reply) => {
      const given = parseBody(generateBody, request.body);
      const { preset } = namedModel(all.models, given.model);
      const body = withPreset(given, preset);
      if (!body.prompt && !body.suffix && isUnload(body)) return unloaded(all, body.model, generateJson);
      const { context, loadMs } = await useOllamaModel(all, request, reply, body);
      const { tokenizer } = context.host.require();
      requireThinking(body.think, tokenizer.chatTemplate);
      const signal = clientSignal(request, reply);
      const turn = { owner: request.caller.name, signal };
      const own = generatePrompt(body, tokenizer);
      const prompt = await continued(context.host.require(), own, body.context ?? [], turn);
      return await answer(context, request, reply, { body, prompt, json: generateJson, signal, loadMs });
    });
    scope.post('/api/chat', async (request, reply) => {
      const given = parseBody(chatBody, request.body);
      const { preset } = namedModel(all.models, given.model);
      const body = withPreset(given, preset);
      if (!body.messages?.length && isUnload(body)) return unloaded(all, body.model, chatJson);
      const { context, loadMs } = await useOllamaModel(all, request, reply, body);
      requireThinking(body.think, context.host.require().tokenizer.chatTemplate);
      const prompt = chatPrompt(body);
      const wanted = body.options?.num_predict ?? 0;
      const signal = clientSignal(request, reply);
      const turn = { owner: request.caller.name, signal };
      const shown =
        prompt === null || body.truncate === false
          ? prompt
          : await withoutOldTurns(context.host.require(), prompt, wanted > 0 ? wanted : null, turn);
      return await answer(context, request, reply, { body, prompt: shown, json: chatJson, signal, loadMs });
    });
    registerOllamaEmbed(scope, all);
    scope.get('/api/version', () => ({ version: API_VERSION }));
    registerManagement(scope, all);
    for (const path of NOT_HERE) {
      scope.post(path, () => notHere(path));
      scope.delete(path, () => notHere(path));
    }
    done();
  });
}

/** What Ollama's clients can ask for and this server does not do. */
const NOT_HERE = ['push'].map((name) => `/api/${name}`);

function notHere(path: string): never {
  throw new ApiError({
    status: 501,
    type: 'invalid_request_error',
    code: 'not_implemented',
    message: `${path} is not served here: the models of this server make text.`,
  });
}

/** Of Ollama's API that is spoken here; some clients refuse servers that are older than what they need. */
const API_VERSION = '0.12.0';

interface Asked {
  readonly body: GenerateBody | ChatBody;
  /** Null loads the model, which is loaded. */
  readonly prompt: CompletionPrompt | null;
  readonly json: (line: AnswerLine) => object;
  readonly signal: AbortSignal;
  readonly loadMs: number;
}

async function answer(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { body, prompt, json, signal, loadMs }: Asked,
): Promise<unknown> {
  const { info, tokenizer } = context.host.require();
  const model = body.model;
  if (prompt === null) return emptyAnswer(model, json, 'load');
  const wanted = {
    id: request.id,
    caller: request.caller.name,
    tier: 'interactive',
    prompt,
    options: generateOptions(body, info),
  } as const;
  const completion = await complete(context, wanted, signal);
  const head = { model, tokenizer, saysIds: json === generateJson, loadMs };
  if (body.stream === false)
    return json(await wholeLine(answerLines(weighed(completion, request.holding), head)));
  await sendStream(context, reply, jsonLines(answerLines(completion, head), json), streamForm);
  return reply;
}

async function unloaded(all: ServerContext, model: string, json: Asked['json']): Promise<object> {
  await unloadModel(all, model);
  return emptyAnswer(model, json, 'unload');
}

/** The answer to a request that is about the model alone. */
function emptyAnswer(model: string, json: Asked['json'], reason: 'load' | 'unload'): object {
  const created_at = new Date().toISOString();
  const line = { model, created_at, text: '', thinking: '', calls: [], logprobs: null, end: null };
  return { ...json(line), done: true, done_reason: reason };
}

/** The ids of a prompt behind those of the prompts and answers before, since the answer says them again. */
async function continued(
  engine: Engine,
  prompt: CompletionPrompt | null,
  before: readonly number[],
  turn: EncodeTurn,
): Promise<CompletionPrompt | null> {
  if (prompt === null || before.length === 0) return prompt;
  requireRoom(engine, prompt);
  const { ids, stop } = await promptIds(engine, prompt, turn);
  const own = ids[0] === engine.tokenizer.bosId ? ids.slice(1) : ids;
  return { kind: 'ids', ids: [...before, ...own], ...(stop !== null && { stop }) };
}

async function* jsonLines(
  lines: AsyncIterable<AnswerLine>,
  json: (line: AnswerLine) => object,
): AsyncGenerator<string, void, void> {
  for await (const line of lines) yield `${JSON.stringify(json(line))}\n`;
}

export const ollamaError: ErrorFormat = ({ facts: { message, overflow } }) => ({
  error:
    overflow === undefined
      ? message
      : `prompt too long; exceeded max context length by ${overflow.tokens - overflow.context + 1} tokens`,
});

const streamForm: StreamForm = {
  contentType: 'application/x-ndjson',
  ping: null,
  errorFrame: (error) => `${JSON.stringify(ollamaError(error, ''))}\n`,
};
