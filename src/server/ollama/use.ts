/** Models by their names, in Ollama's words, and how long they stay. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import { ApiError, badRequest } from '../errors.js';
import { keepAliveOf } from '../models/keep-alive.js';
import type { Models, NamedModel } from '../models/models.js';
import { useModel } from '../models/use.js';

/** The model of that name. Throws an ApiError in Ollama's words where there is none. */
export function namedModel(models: Models, name: string | null | undefined): NamedModel {
  try {
    return models.find(name);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError({ ...error.facts, message: `model '${name?.slice(0, 100)}' not found` });
  }
}

export interface Wanted {
  readonly model: string;
  readonly keep_alive?: number | string | null | undefined;
}

/** Takes a model for a request, which says how long it stays afterwards; and how long that took, its load if it had to be loaded. */
export async function useOllamaModel(
  all: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  body: Wanted,
): Promise<{ readonly context: ServerContext; readonly loadMs: number }> {
  const { served } = namedModel(all.models, body.model);
  const keepMs = keepMsOf(body);
  const startMs = performance.now();
  const { context } = await useModel(all, request, reply, body.model);
  const loadMs = performance.now() - startMs;
  // With several keys nobody has a model go or stay for all others.
  if (keepMs !== null && all.keys.parts === 1) all.models.pool.keep(served, keepMs);
  return { context, loadMs };
}

/** Whether a request without a prompt wants nothing but the model's end. */
export function isUnload(body: Wanted): boolean {
  return keepMsOf(body) === 0;
}

/**
 * Unloads a model when its requests are over; it need not be loaded for that. Rejects with an ApiError with status 403 where
 * it is that of several keys.
 */
export async function unloadModel({ models, keys }: ServerContext, name: string): Promise<void> {
  if (keys.parts > 1)
    throw new ApiError({
      status: 403,
      type: 'permission_error',
      code: 'model_is_shared',
      message: 'The models are those of several keys: none of them unloads one for all others.',
    });
  await models.pool.unload(namedModel(models, name).served);
}

function keepMsOf({ keep_alive }: Wanted): number | null {
  if (keep_alive == null || keep_alive === '') return null;
  const ms = keepAliveOf(keep_alive);
  if (ms === null) throw badRequest(`keep_alive: expected a time such as "5m", or seconds`, 'keep_alive');
  return ms;
}
