/** The HTTP application: hooks over every route, then the surfaces. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { messageOf } from '../core/errors.js';
import { anthropicError, registerAnthropic } from './anthropic/surface.js';
import { admitCaller, type ServerContext } from './context.js';
import { registerEmbeddings } from './embeddings/surface.js';
import { ApiError, badRequest, errorHeaders, toApiError } from './errors.js';
import { anonymous } from './gate/keys.js';
import { nothingHeld } from './gate/memory.js';
import { requireShape } from './gate/shape.js';
import { quickBytes } from './gate/turns.js';
import { weigh } from './gate/weight.js';
import { type ErrorFormat, httpError, openAiError, writeErrors } from './http.js';
import { llamaCppError, llamaCppRoutes } from './llama-cpp/errors.js';
import { registerLlamaCpp } from './llama-cpp/surface.js';
import { ollamaError, registerOllama } from './ollama/surface.js';
import { registerOpenAi } from './openai/index.js';
import { registerOperations } from './operations.js';
import { inSlices } from './slices.js';
import { registerResponsesApi } from './socket/surface.js';
import { hasWeb, registerWeb } from './web.js';

/** Adds a surface's routes; each scope has its own error form. */
export type Surface = (app: FastifyInstance, context: ServerContext) => void;

const SURFACES: readonly Surface[] = [
  registerOperations,
  registerOpenAi,
  registerResponsesApi,
  registerAnthropic,
  registerEmbeddings,
  registerOllama,
  registerLlamaCpp,
];

/** Names of requests that clients may give themselves. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

export function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given)
    ? given
    : `req_${randomUUID().replaceAll('-', '')}`;
}

/** Where a request has no surface of its own, its form is that of the client. */
function formatFor({ headers, url }: FastifyRequest): ErrorFormat {
  if (headers['anthropic-version'] !== undefined) return anthropicError;
  if (llamaCppRoutes.has(url.split('?', 1)[0]!)) return llamaCppError;
  return url.startsWith('/api/') ? ollamaError : openAiError;
}

/** What a body may take; one that does not say how long it is may be as long as any. */
function announcedBytes(headers: IncomingMessage['headers'], most: number): number {
  if (headers['transfer-encoding'] !== undefined) return most;
  const length = Number(headers['content-length'] ?? 0);
  return Number.isFinite(length) ? Math.min(length, most) : most;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw badRequest(`The body is no JSON: ${messageOf(error)}`, undefined, 'invalid_json');
  }
}

/** As they are written, for clients that do not know that their case says nothing. */
function setHeaders(raw: ServerResponse, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) raw.setHeader(name, value);
}

export function createApp(
  context: ServerContext,
  serverFactory: (handler: RequestListener) => Server,
): FastifyInstance {
  const app = Fastify({
    serverFactory,
    genReqId: (request) => requestId(request as IncomingMessage),
    bodyLimit: context.limits.bodyBytes,
    logger: false,
    // Of addresses that no route is looked for at, in front of the hooks.
    frameworkErrors: (thrown, request, reply: FastifyReply) => {
      let error = httpError(thrown);
      try {
        request.caller = anonymous;
        request.holding = nothingHeld;
        request.caller = admitCaller(context, request.headers);
      } catch (refused) {
        error = toApiError(refused);
      }
      reply.code(error.facts.status).headers({ ...errorHeaders(error.facts), 'x-request-id': request.id });
      return reply.send(formatFor(request)(error, request.id));
    },
    // Clients differ in what they append to paths.
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.decorateRequest('caller');
  app.decorateRequest('holding');
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) context.routes.push({ method: each, url });
  });
  const notFound = ({ method, url }: FastifyRequest): ApiError => {
    const path = url.split('?', 1)[0]!.slice(0, 200);
    const message = `There is nothing at ${method} ${path}.`;
    return new ApiError({ status: 404, type: 'invalid_request_error', code: 'not_found', message });
  };
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', context.lifecycle.begin());
    reply.header('x-request-id', request.id);
    if (context.lifecycle.draining.aborted) reply.header('connection', 'close');
    request.caller = anonymous;
    request.holding = nothingHeld;
    const { origin } = request.headers;
    context.origins.check(request.headers);
    setHeaders(reply.raw, context.origins.headers(origin));
    // A browser asks without the key whether it may send it.
    const asked = request.headers['access-control-request-headers'];
    if (request.method === 'OPTIONS' && origin !== undefined) {
      setHeaders(reply.raw, context.origins.preflightHeaders(asked));
      return reply.code(200).send();
    }
    if (request.routeOptions.config.isPublic !== true)
      request.caller = context.keys.authenticate(request.headers);
    // Before anybody reads a body that nobody wants.
    if (request.is404) throw notFound(request);
    if (request.routeOptions.config.isCounted === true) await context.rates.take(request.caller, 0);
    const bytes = announcedBytes(request.headers, context.limits.bodyBytes);
    // What is large is not even read of who may ask for nothing now.
    if (bytes > quickBytes) context.rates.require(request.caller);
    request.holding = context.memory.hold(request.caller.name, bytes);
    reply.raw.once('close', request.holding.release);
    return undefined;
  });
  app.addHook('onSend', async (request, reply, payload) => {
    reply.headers(context.rates.headers(request.caller));
    if (typeof payload !== 'string' || payload.length <= quickBytes) return payload;
    const bytes = Buffer.from(payload);
    request.holding.set(request.holding.bytes + bytes.length);
    reply.header('content-length', bytes.length);
    return inSlices(bytes, reply.raw, context.limits.stallMs);
  });
  // Small clients forget the content type; what is no JSON is refused all the same.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'string' },
    async ({ holding, caller }: FastifyRequest, body: string) => {
      // Clients name the type of a body that they do not send.
      if (body.trim() === '') return undefined;
      const isLarge = body.length > quickBytes;
      if (isLarge) {
        await context.turns.next(caller.name);
        requireShape(body);
      }
      const value = jsonOf(body);
      holding.resize(Math.max(holding.bytes, weigh(value)));
      // What its surface makes of it takes as long again, in a turn of its own.
      if (isLarge) await context.turns.again(caller.name);
      return value;
    },
  );
  app.addContentTypeParser(/^multipart\//, (_request, _body, done) =>
    done(
      new ApiError({
        status: 415,
        type: 'invalid_request_error',
        code: 'unsupported_media_type',
        message: 'Uploads are not taken here: send a JSON object.',
      }),
    ),
  );
  writeErrors(app, formatFor, context.log);
  app.setNotFoundHandler((request) => {
    throw notFound(request);
  });
  for (const surface of SURFACES) surface(app, context);
  if (hasWeb()) registerWeb(app, { serves: true });
  else app.get('/', { config: { isPublic: true } }, () => 'Ollama is running');
  return app;
}
