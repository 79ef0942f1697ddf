/** The HTTP application: hooks over every route, then the surfaces. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import Fastify, { type FastifyInstance } from 'fastify';
import { registerAnthropic } from './anthropic/surface.js';
import type { ServerContext } from './context.js';
import { ApiError } from './errors.js';
import { anonymous } from './gate/keys.js';
import { openAiError, writeErrors } from './http.js';
import { registerOllama } from './ollama/surface.js';
import { registerOpenAi } from './openai/index.js';
import { registerOperations } from './operations.js';
import { registerResponsesApi } from './socket/surface.js';
import { hasWeb, registerWeb } from './web.js';

/** Adds a surface's routes; each scope has its own error form. */
export type Surface = (app: FastifyInstance, context: ServerContext) => void;

const SURFACES: readonly Surface[] = [
  registerOperations,
  registerOpenAi,
  registerResponsesApi,
  registerAnthropic,
  registerOllama,
];

/** Names of requests that clients may give themselves. */
const REQUEST_ID = /^[\w.:-]{1,128}$/;

export function requestId({ headers }: IncomingMessage): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given)
    ? given
    : `req_${randomUUID().replaceAll('-', '')}`;
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
    // Clients differ in what they append to paths.
    routerOptions: { ignoreTrailingSlash: true },
  });
  app.decorateRequest('caller');
  app.addHook('onRoute', ({ method, url }) => {
    for (const each of [method].flat()) context.routes.push({ method: each, url });
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.raw.once('close', context.lifecycle.begin());
    reply.header('x-request-id', request.id);
    if (context.lifecycle.draining.aborted) reply.header('connection', 'close');
    request.caller = anonymous;
    const { origin } = request.headers;
    context.origins.check(request.headers);
    reply.headers(context.origins.headers(origin));
    // A browser asks without the key whether it may send it.
    const asked = request.headers['access-control-request-headers'];
    if (request.method === 'OPTIONS' && origin !== undefined)
      return reply.code(204).headers(context.origins.preflightHeaders(asked)).send();
    if (request.routeOptions.config.isPublic !== true)
      request.caller = context.keys.authenticate(request.headers);
    return undefined;
  });
  app.addHook('onSend', async (request, reply) => {
    reply.headers(context.rates.headers(request.caller));
  });
  // Small clients forget the content type; what is no JSON is refused all the same.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'error'));
  writeErrors(app, openAiError, context.log);
  app.setNotFoundHandler((request) => {
    const [path] = request.url.split('?', 1);
    throw new ApiError({
      status: 404,
      type: 'invalid_request_error',
      code: 'not_found',
      message: `There is nothing at ${request.method} ${path?.slice(0, 200)}.`,
    });
  });
  for (const surface of SURFACES) surface(app, context);
  if (hasWeb()) registerWeb(app, { serves: true });
  return app;
}
