/** `GET /v1/models` and `/v1/models/{id}`, in the form of the client that asks: OpenAI's or Anthropic's. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServerContext } from '../context.js';
import { contextOf, factsOf } from '../models/facts.js';
import type { NamedModel } from '../models/models.js';

export function registerModels(app: FastifyInstance, { models }: ServerContext): void {
  const list = async (request: FastifyRequest) => {
    const named = models.names.map((name) => models.find(name));
    if (!isAnthropic(request)) return { object: 'list', data: await Promise.all(named.map(modelObject)) };
    return {
      data: named.map(anthropicModel),
      has_more: false,
      first_id: named[0]?.name,
      last_id: named.at(-1)?.name,
    };
  };
  for (const path of ['/v1/models', '/models']) app.get(path, list);
  // Names may have slashes in them.
  app.get<{ Params: { '*': string } }>('/v1/models/*', async (request) => {
    const named = models.find(request.params['*']);
    return isAnthropic(request) ? anthropicModel(named) : modelObject(named);
  });
}

function isAnthropic({ headers }: FastifyRequest): boolean {
  return headers['anthropic-version'] !== undefined;
}

function anthropicModel({ name, served }: NamedModel) {
  const context = contextOf(served);
  return {
    type: 'model',
    id: name,
    display_name: name,
    created_at: new Date(served.model.created * 1000).toISOString(),
    ...(context !== null && { max_input_tokens: context, max_tokens: context }),
  };
}

async function modelObject({ name, served }: NamedModel) {
  const facts = await factsOf(served);
  const context = contextOf(served);
  return {
    id: name,
    object: 'model',
    created: served.model.created,
    owned_by: 'waferflow',
    // As other servers of open models have it.
    status: { value: statusOf(served.host.state.kind) },
    ...(context !== null && { max_model_len: context }),
    ...(facts && {
      meta: {
        ...(context !== null && { n_ctx: context }),
        n_ctx_train: facts.shape.maxPositionEmbeddings,
        n_embd: facts.shape.hiddenSize,
        n_params: facts.parameters,
        n_vocab: facts.vocabSize,
        size: facts.weightBytes,
        vocab_size: facts.vocabSize,
      },
    }),
  };
}

/** In llama.cpp's words. */
function statusOf(kind: NamedModel['served']['host']['state']['kind']): string {
  return kind === 'ready' ? 'loaded' : kind === 'closed' ? 'unloaded' : kind;
}
