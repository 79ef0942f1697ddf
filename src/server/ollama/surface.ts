/** Ollama's API: `/api/generate`, `/api/chat`, and what its clients ask about models. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { requireModel, type ServerContext } from '../context.js';
import { ApiError } from '../errors.js';
import { clientSignal, type ErrorFormat, parseBody, writeErrors } from '../http.js';
import { version } from '../operations.js';
import { complete } from '../road/complete.js';
import type { CompletionPrompt } from '../road/completion.js';
import { type StreamForm, sendStream } from '../stream.js';
import { type AnswerLine, answerLines, chatJson, generateJson, wholeLine } from './answer.js';
import { listedModel, runningModel, shownModel } from './models.js';
import {
  type ChatBody,
  chatBody,
  chatPrompt,
  type GenerateBody,
  generateBody,
  generateOptions,
  generatePrompt,
} from './request.js';

export function registerOllama(app: FastifyInstance, context: ServerContext): void {
  app.register((scope, _options, done) => {
    writeErrors(scope, ollamaError, context.log);
    scope.post('/api/generate', (request, reply) => {
      const body = parseBody(generateBody, request.body);
      requireOllamaModel(context, body.model);
      const prompt = generatePrompt(body, context.host.require().tokenizer);
      return answer(context, request, reply, { body, prompt, json: generateJson });
    });
    scope.post('/api/chat', (request, reply) => {
      const body = parseBody(chatBody, request.body);
      requireOllamaModel(context, body.model);
      return answer(context, request, reply, { body, prompt: chatPrompt(body), json: chatJson });
    });
    scope.get('/api/version', () => ({ version }));
    scope.get('/api/tags', () => ({ models: [listedModel(context)] }));
    scope.get('/api/ps', () => ({
      models: context.host.state.kind === 'ready' ? [runningModel(context)] : [],
    }));
    scope.post('/api/show', (request) => {
      const { model, name } = parseBody(showBody, request.body);
      requireOllamaModel(context, model ?? name);
      return shownModel(context);
    });
    for (const path of NOT_HERE) {
      scope.post(path, () => notHere(path));
      scope.delete(path, () => notHere(path));
    }
    done();
  });
}

/** What Ollama's clients can ask for and a server of one model does not do. */
const NOT_HERE = ['embed', 'embeddings', 'pull', 'push', 'create', 'copy', 'delete'].map(
  (name) => `/api/${name}`,
);

function notHere(path: string): never {
  throw new ApiError({
    status: 501,
    type: 'invalid_request_error',
    code: 'not_implemented',
    message: `${path} is not served here: this server has one model, which makes text.`,
  });
}

const showBody = z.object({ model: z.string().nullish(), name: z.string().nullish() });

interface Asked {
  readonly body: GenerateBody | ChatBody;
  /** Null loads the model, which is loaded. */
  readonly prompt: CompletionPrompt | null;
  readonly json: (line: AnswerLine) => object;
}

async function answer(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { body, prompt, json }: Asked,
): Promise<unknown> {
  const { info, tokenizer } = context.host.require();
  const model = body.model;
  if (prompt === null) {
    const line = { model, created_at: new Date().toISOString(), text: '', calls: [], logprobs: null };
    return { ...json({ ...line, end: null }), done: true, done_reason: 'load' };
  }
  const wanted = {
    id: request.id,
    caller: request.caller.name,
    tier: 'interactive',
    prompt,
    options: generateOptions(body, info.context),
  } as const;
  const lines = answerLines(complete(context, wanted, clientSignal(request, reply)), model, tokenizer);
  if (body.stream === false) return json(await wholeLine(lines));
  await sendStream(context, reply, jsonLines(lines, json), streamForm);
  return reply;
}

async function* jsonLines(
  lines: AsyncIterable<AnswerLine>,
  json: (line: AnswerLine) => object,
): AsyncGenerator<string, void, void> {
  for await (const line of lines) yield `${JSON.stringify(json(line))}\n`;
}

/** Ollama's names may end in a tag; `latest` goes without saying. */
function requireOllamaModel(context: ServerContext, name: string | null | undefined): void {
  try {
    requireModel(context, name?.replace(/:latest$/, ''));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError({ ...error.facts, message: `model '${name?.slice(0, 100)}' not found` });
  }
}

const ollamaError: ErrorFormat = ({ facts }) => ({ error: facts.message });

const streamForm: StreamForm = {
  contentType: 'application/x-ndjson',
  ping: null,
  errorFrame: (error) => `${JSON.stringify(ollamaError(error, ''))}\n`,
};
