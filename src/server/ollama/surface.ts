/** Ollama's API: `/api/generate`, `/api/chat`, and what its clients ask about models. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { ApiError } from '../errors.js';
import { clientSignal, type ErrorFormat, parseBody, writeErrors } from '../http.js';
import type { NamedModel } from '../models/models.js';
import { useModel } from '../models/use.js';
import { complete, requireRoom } from '../road/complete.js';
import type { CompletionPrompt } from '../road/completion.js';
import { promptIds } from '../road/prompt.js';
import { withoutOldTurns } from '../road/truncate.js';
import { weighed } from '../road/weighed.js';
import { type StreamForm, sendStream } from '../stream.js';
import { type AnswerLine, answerLines, chatJson, generateJson, wholeLine } from './answer.js';
import { registerOllamaEmbed } from './embed.js';
import { listedModel, runningModel, shownModel } from './models.js';
import {
  type ChatBody,
  chatBody,
  chatPrompt,
  type GenerateBody,
  generateBody,
  generateOptions,
  generatePrompt,
  requireThinking,
} from './request.js';

export function registerOllama(app: FastifyInstance, all: ServerContext): void {
  const { models } = all;
  app.register((scope, _options, done) => {
    writeErrors(scope, () => ollamaError, all.log);
    scope.post('/api/generate', async (request, reply) => {
      const body = parseBody(generateBody, request.body);
      const context = await useOllamaModel(all, request, reply, body.model);
      const { tokenizer } = context.host.require();
      requireThinking(body.think, tokenizer.chatTemplate);
      const signal = clientSignal(request, reply);
      const turn = { owner: request.caller.name, signal };
      const own = generatePrompt(body, tokenizer);
      const prompt = await continued(context.host.require(), own, body.context ?? [], turn);
      return await answer(context, request, reply, { body, prompt, json: generateJson, signal });
    });
    scope.post('/api/chat', async (request, reply) => {
      const body = parseBody(chatBody, request.body);
      const context = await useOllamaModel(all, request, reply, body.model);
      requireThinking(body.think, context.host.require().tokenizer.chatTemplate);
      const prompt = chatPrompt(body);
      const wanted = body.options?.num_predict ?? 0;
      const signal = clientSignal(request, reply);
      const turn = { owner: request.caller.name, signal };
      const shown =
        prompt === null || body.truncate === false
          ? prompt
          : await withoutOldTurns(context.host.require(), prompt, wanted > 0 ? wanted : null, turn);
      return await answer(context, request, reply, { body, prompt: shown, json: chatJson, signal });
    });
    registerOllamaEmbed(scope, (request, reply, name) => useOllamaModel(all, request, reply, name));
    scope.get('/api/version', () => ({ version: API_VERSION }));
    scope.get('/api/tags', async () => ({
      models: await Promise.all(models.names.map((name) => listedModel(models.find(name)))),
    }));
    scope.get('/api/ps', async () => ({
      models: await Promise.all(
        models.served.flatMap(({ options: { id }, host: { state } }) =>
          state.kind === 'ready' ? [runningModel(models.find(id), state.engine)] : [],
        ),
      ),
    }));
    scope.post('/api/show', (request) => {
      const { model, name } = parseBody(showBody, request.body);
      return shownModel(ollamaModel(all, model ?? name));
    });
    scope.post('/api/pull', (request, reply) => {
      const { model, name, stream } = parseBody(pullBody, request.body);
      ollamaModel(all, model ?? name);
      // It is there: clients ask before they start.
      const last = { status: 'success' };
      if (stream === false) return last;
      return reply
        .type(streamForm.contentType)
        .send(`${JSON.stringify({ status: 'pulling manifest' })}\n${JSON.stringify(last)}\n`);
    });
    for (const path of NOT_HERE) {
      scope.post(path, () => notHere(path));
      scope.delete(path, () => notHere(path));
    }
    done();
  });
}

/** What Ollama's clients can ask for and a server of one model does not do. */
const NOT_HERE = ['push', 'create', 'copy', 'delete'].map((name) => `/api/${name}`);

function notHere(path: string): never {
  throw new ApiError({
    status: 501,
    type: 'invalid_request_error',
    code: 'not_implemented',
    message: `${path} is not served here: this server has one model, which makes text.`,
  });
}

/** Of Ollama's API that is spoken here; some clients refuse servers that are older than what they need. */
const API_VERSION = '0.12.0';

const pullBody = z.object({
  model: z.string().nullish(),
  name: z.string().nullish(),
  stream: z.boolean().nullish(),
});

const showBody = z.object({ model: z.string().nullish(), name: z.string().nullish() });

interface Asked {
  readonly body: GenerateBody | ChatBody;
  /** Null loads the model, which is loaded. */
  readonly prompt: CompletionPrompt | null;
  readonly json: (line: AnswerLine) => object;
  readonly signal: AbortSignal;
}

async function answer(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { body, prompt, json, signal }: Asked,
): Promise<unknown> {
  const { info, tokenizer } = context.host.require();
  const model = body.model;
  if (prompt === null) {
    const line = {
      model,
      created_at: new Date().toISOString(),
      text: '',
      thinking: '',
      calls: [],
      logprobs: null,
    };
    const isUnload = body.keep_alive != null && Number.parseFloat(String(body.keep_alive)) === 0;
    return { ...json({ ...line, end: null }), done: true, done_reason: isUnload ? 'unload' : 'load' };
  }
  const wanted = {
    id: request.id,
    caller: request.caller.name,
    tier: 'interactive',
    prompt,
    options: generateOptions(body, info),
  } as const;
  const completion = await complete(context, wanted, signal);
  const head = { model, tokenizer, saysIds: json === generateJson };
  if (body.stream === false)
    return json(await wholeLine(answerLines(weighed(completion, request.holding), head)));
  await sendStream(context, reply, jsonLines(answerLines(completion, head), json), streamForm);
  return reply;
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

/** The model of that name. Throws an ApiError in Ollama's words where there is none. */
function ollamaModel({ models }: ServerContext, name: string | null | undefined): NamedModel {
  try {
    return models.find(name);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError({ ...error.facts, message: `model '${name?.slice(0, 100)}' not found` });
  }
}

async function useOllamaModel(
  all: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string | null | undefined,
): Promise<ServerContext> {
  ollamaModel(all, name);
  return (await useModel(all, request, reply, name)).context;
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
