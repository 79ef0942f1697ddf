/** `GET /v1/models` and `/v1/models/{id}`, in the form of the client that asks: OpenAI's or Anthropic's. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { requireModel, type ServerContext } from '../context.js';

export function registerModels(app: FastifyInstance, context: ServerContext): void {
  const list = (request: FastifyRequest) => {
    const names = [context.model.id, ...context.model.aliases];
    if (!isAnthropic(request))
      return { object: 'list', data: names.map((name) => modelObject(context, name)) };
    const data = names.map((name) => anthropicModel(context, name));
    return { data, has_more: false, first_id: names[0], last_id: names.at(-1) };
  };
  for (const path of ['/v1/models', '/models']) app.get(path, list);
  // Names may have slashes in them.
  app.get<{ Params: { '*': string } }>('/v1/models/*', (request) => {
    const name = requireModel(context, request.params['*']);
    return isAnthropic(request) ? anthropicModel(context, name) : modelObject(context, name);
  });
}

function isAnthropic({ headers }: FastifyRequest): boolean {
  return headers['anthropic-version'] !== undefined;
}

function anthropicModel({ model, host: { state } }: ServerContext, id: string) {
  const context = state.kind === 'ready' ? state.engine.info.context : null;
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(model.created * 1000).toISOString(),
    ...(context !== null && { max_input_tokens: context, max_tokens: context }),
  };
}

function modelObject({ model, host: { state } }: ServerContext, id: string) {
  const engine = state.kind === 'ready' ? state.engine : null;
  return {
    id,
    object: 'model',
    created: model.created,
    owned_by: 'waferflow',
    // As other servers of open models have it.
    ...(engine && {
      max_model_len: engine.info.context,
      meta: {
        n_ctx: engine.info.context,
        n_ctx_train: engine.info.config.maxPositionEmbeddings,
        n_embd: engine.info.config.hiddenSize,
        n_params: engine.info.parameters,
        n_vocab: engine.tokenizer.vocabSize,
        size: engine.info.weightBytes,
        vocab_size: engine.tokenizer.vocabSize,
      },
    }),
  };
}
