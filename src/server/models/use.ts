/** A model for a request, with the context that surfaces work on. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import { clientSignal } from '../http.js';
import type { Served } from './served.js';

/** A model that a request has: the name that it was asked for by, and the context that it runs in, its own. */
export interface Used {
  readonly model: string;
  readonly context: ServerContext;
}

/** To be released when the request is over. */
export interface Lease extends Used {
  release(): void;
}

const contexts = new WeakMap<Served, ServerContext>();

/** The context of a model, from that of any model of the same server. */
function contextOf(context: ServerContext, served: Served): ServerContext {
  if (served.model === context.model) return context;
  let own = contexts.get(served);
  if (own === undefined) {
    own = { ...context, host: served.host, model: served.model };
    contexts.set(served, own);
  }
  return own;
}

/**
 * Takes the model of that name, the first one where none is given. Waits while it is loaded; rejects with an ApiError
 * where no model has that name, or where it cannot be loaded.
 */
export async function leaseModel(
  context: ServerContext,
  name: string | null | undefined,
  signal: AbortSignal,
): Promise<Lease> {
  const { name: model, served, release } = await context.models.use(name, signal);
  return { model, context: contextOf(context, served), release };
}

/** As `leaseModel`, for a request over HTTP, until its connection is done with it. */
export async function useModel(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string | null | undefined,
): Promise<Used> {
  const lease = await leaseModel(context, name, clientSignal(request, reply));
  if (reply.raw.closed) lease.release();
  else reply.raw.once('close', lease.release);
  return lease;
}
