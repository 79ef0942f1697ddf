/** `/v1/conversations` and the items of each, as OpenAI documents them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ApiError } from '../errors.js';
import { input, metadata as metadataField, parse } from './body.js';
import type { Conversation } from './conversations.js';
import { type Item, inputItems } from './items.js';
import { listed, listQuery } from './lists.js';
import type { ResponsesService } from './service.js';

const createBody = z.looseObject({ items: input.nullish(), metadata: metadataField.nullish() });
const updateBody = z.looseObject({ metadata: metadataField });
const itemsBody = z.looseObject({ items: input });
const params = z.looseObject({ id: z.string(), item: z.string().optional() });

function shown({ id, createdAt, metadata }: Conversation): object {
  return { id, object: 'conversation', created_at: createdAt, metadata };
}

export function registerConversations(app: FastifyInstance, service: ResponsesService): void {
  const { conversations } = service;
  const of = (request: FastifyRequest): Conversation =>
    conversations.require(parse(params, request.params).id, request.caller.name);
  const itemsOf = (request: FastifyRequest, given: z.infer<typeof input> | null): Item[] =>
    inputItems(given, (id) => service.store.item(id, request.caller.name));
  const itemOf = (request: FastifyRequest): Item => {
    const id = parse(params, request.params).item ?? '';
    const found = of(request).items.find((item) => item.id === id);
    if (found !== undefined) return found;
    const message = `There is no item ${JSON.stringify(id.slice(0, 100))} in this conversation.`;
    throw new ApiError({ status: 404, type: 'invalid_request_error', code: 'item_not_found', message });
  };

  app.post('/v1/conversations', (request) => {
    const { items, metadata } = parse(createBody, request.body ?? {});
    return shown(conversations.create(request.caller.name, metadata ?? {}, itemsOf(request, items ?? null)));
  });

  app.get('/v1/conversations/:id', (request) => shown(of(request)));

  app.post('/v1/conversations/:id', (request) => {
    const conversation = of(request);
    conversations.describe(conversation, parse(updateBody, request.body).metadata);
    return shown(conversation);
  });

  app.delete('/v1/conversations/:id', (request) => {
    const conversation = of(request);
    conversations.delete(conversation);
    return { id: conversation.id, object: 'conversation.deleted', deleted: true };
  });

  app.get('/v1/conversations/:id/items', (request) =>
    listed(of(request).items, parse(listQuery, request.query)),
  );

  app.post('/v1/conversations/:id/items', (request) => {
    const conversation = of(request);
    const items = itemsOf(request, parse(itemsBody, request.body).items);
    conversations.add(conversation, items);
    return listed(items, { limit: items.length, order: 'asc' });
  });

  app.get('/v1/conversations/:id/items/:item', (request) => itemOf(request));

  app.delete('/v1/conversations/:id/items/:item', (request) => {
    const conversation = of(request);
    conversations.remove(conversation, itemOf(request).id);
    return shown(conversation);
  });
}
