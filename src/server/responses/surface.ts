/** The Responses API: HTTP routes and the socket, over one service. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.js';
import { registerResponses } from './routes.js';
import { ResponsesService } from './service.js';

export function registerResponsesApi(app: FastifyInstance, context: ServerContext): void {
  registerResponses(app, new ResponsesService(context));
}
