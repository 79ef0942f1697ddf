/** `GET /v1/models` and `/v1/models/{id}`. */
import type { FastifyInstance } from 'fastify';
import { requireModel, type ServerContext } from '../context.js';

export function registerModels(app: FastifyInstance, context: ServerContext): void {
  app.get('/v1/models', () => ({ object: 'list', data: [modelObject(context)] }));
  // Names may have slashes in them.
  app.get<{ Params: { '*': string } }>('/v1/models/*', ({ params }) => {
    requireModel(context, params['*']);
    return modelObject(context);
  });
}

function modelObject({ model, host: { state } }: ServerContext) {
  const engine = state.kind === 'ready' ? state.engine : null;
  return {
    id: model.id,
    object: 'model',
    created: model.created,
    owned_by: 'waferflow',
    // As other servers of open models have it.
    ...(engine && {
      max_model_len: engine.info.context,
      meta: {
        n_ctx: engine.info.context,
        n_ctx_train: engine.info.config.maxPositionEmbeddings,
        n_params: engine.info.parameters,
        size: engine.info.weightBytes,
        vocab_size: engine.tokenizer.vocabSize,
      },
    }),
  };
}
