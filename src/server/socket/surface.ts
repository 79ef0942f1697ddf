/** The Responses API: HTTP routes and sockets, over one service. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.js';
import { registerConversations } from '../responses/conversation-routes.js';
import { registerResponses } from '../responses/routes.js';
import { ResponsesService } from '../responses/service.js';
import { SocketHub } from './hub.js';
import { defaultSocketLimits } from './limits.js';

export function registerResponsesApi(app: FastifyInstance, context: ServerContext): void {
  const service = new ResponsesService(context);
  registerResponses(app, service);
  registerConversations(app, service);
  const hub = new SocketHub(service, { ...defaultSocketLimits, ...context.limits.sockets });
  context.upgrades.set('/v1/responses', (request, raw, head, caller) =>
    hub.upgrade(request, raw, head, caller),
  );
  app.addHook('preClose', () => hub.close());
}
