/** What operators ask: is it alive, is it ready, which version is it. */
import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { messageOf } from '../core/errors.js';
import type { ServerContext } from './context.js';

/** Of this package. */
export const { version } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};

export function registerOperations(app: FastifyInstance, context: ServerContext): void {
  const { host, lifecycle, models } = context;
  // Liveness: the process answers. A model that is loading is no reason to kill it. Load balancers have no key.
  app.get('/health', { config: { isPublic: true } }, ({ query }, reply) => {
    const { state } = host;
    const others = models.served.slice(1);
    const status = lifecycle.draining.aborted ? 'draining' : state.kind;
    // With `?ready` it is a probe of readiness, for those who have no key for /ready.
    const takesWork = status === 'ready' || status === 'unloaded';
    const asksReady = typeof query === 'object' && query !== null && 'ready' in query;
    reply.code(state.kind === 'failed' ? 500 : asksReady && !takesWork ? 503 : 200);
    return {
      status,
      model: context.model.id,
      reloads: host.reloads,
      ...(state.kind === 'loading' && { loading: state.progress }),
      ...(state.kind === 'loading' && context.keys.isOpen && { reason: state.reason }),
      ...(others.length > 0 && {
        models: models.served.map((one) => ({
          id: one.options.id,
          status: one.host.state.kind,
          requests: one.users,
          waiting: models.pool.waiting(one),
          ...(one.host.state.kind === 'loading' && { loading: one.host.state.progress }),
        })),
      }),
      ...(state.kind === 'failed' && { error: context.keys.isOpen ? messageOf(state.error) : 'see the log' }),
    };
  });
  app.get('/ready', () => {
    lifecycle.requireOpen();
    // One that is not loaded is loaded when it is asked for.
    if (host.state.kind !== 'unloaded') host.require();
    return { status: 'ready' };
  });
  app.get('/version', () => ({ version }));
  app.get('/metrics', async (_request, reply) => {
    const { registry } = context.metrics;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
