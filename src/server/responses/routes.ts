/** `/v1/responses` over HTTP: created, streamed, asked for again, cancelled and deleted. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ResponseObject } from '../../protocol/protocol.js';
import { clientSignal, counted } from '../http.js';
import { leaseModel, useModel } from '../models/use.js';
import { countTokens } from '../road/prompt.js';
import { sendStream, sseContentType, ssePing } from '../stream.js';
import { type CreateBody, createBody, parse } from './body.js';
import { compactionItem, summaryRequest, summaryTokens } from './compact.js';
import type { EventSink } from './events.js';
import { newId } from './ids.js';
import { inputItems } from './items.js';
import { jsonSink } from './json.js';
import { listed, listQuery } from './lists.js';
import { EventLog } from './log.js';
import type { ResponseRun } from './run.js';
import type { ResponsesService } from './service.js';
import { responseNotFound } from './store.js';

/** Takes events and forgets them: the response object has it all. */
const unseen: EventSink = {
  event: () => undefined,
  textDelta: () => undefined,
  argumentsDelta: () => undefined,
};

const idParams = z.looseObject({ id: z.string() });

const streamQuery = z.looseObject({
  stream: z.string().optional(),
  starting_after: z.coerce.number().int().optional(),
});

export function registerResponses(app: FastifyInstance, service: ResponsesService): void {
  const idOf = (request: FastifyRequest): string => parse(idParams, request.params).id;

  app.post('/v1/responses', (request, reply) => create(service, request, reply));

  app.post('/v1/responses/input_tokens', counted, async (request, reply) => {
    const client = { owner: request.caller.name, signal: clientSignal(request, reply) };
    const body = parse(createBody, request.body);
    const used = await useModel(service.context, request, reply, body.model);
    const { request: prepared } = await service.prepare(body, used, client);
    const tokens = await countTokens(used.context.host.require(), prepared.prompt, client);
    return { object: 'response.input_tokens', input_tokens: tokens };
  });

  app.post('/v1/responses/compact', (request, reply) => compact(service, request, reply));

  app.get('/v1/responses/:id', async (request, reply) => {
    const id = idOf(request);
    const { stream, starting_after: after } = parse(streamQuery, request.query);
    const owner = request.caller.name;
    if (stream === 'true') {
      await sendEvents(service, reply, service.log(id, owner).read(after));
      return reply;
    }
    const response = service.find(id, owner);
    if (response === null) throw responseNotFound(id);
    return response;
  });

  app.delete('/v1/responses/:id', (request) => {
    const id = idOf(request);
    if (!service.store.delete(id, request.caller.name)) throw responseNotFound(id);
    return { id, object: 'response', deleted: true };
  });

  app.post('/v1/responses/:id/cancel', (request) => service.cancel(idOf(request), request.caller.name));

  app.get('/v1/responses/:id/input_items', (request) => {
    const id = idOf(request);
    const kept = service.store.get(id, request.caller.name);
    if (kept === null) throw responseNotFound(id);
    return listed(kept.input, parse(listQuery, request.query));
  });
}

async function create(
  service: ResponsesService,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<ResponseObject | FastifyReply> {
  const { holding } = request;
  const caller = request.caller.name;
  const body = parse(createBody, request.body);
  const { stream } = body;
  if (body.background === true) return createInBackground(service, body, request, reply);
  const used = await useModel(service.context, request, reply, body.model);
  const signal = clientSignal(request, reply);
  const prepared = await service.prepare(body, used, { owner: caller, signal });
  if (stream === true) {
    const events = new SseEvents();
    const run = await service.start({ caller, sink: events.sink, signal, holding, ...prepared });
    await sendEvents(
      service,
      reply,
      service.pieces(run, () => events.take()),
    );
    return reply;
  }
  const run = await service.start({ caller, sink: unseen, signal, holding, ...prepared });
  await service.drive(run, () => null);
  if (run.error !== null) throw run.error;
  return run.response;
}

/** Goes on when the client is gone; it is asked for again by its id. */
async function createInBackground(
  service: ResponsesService,
  body: CreateBody,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<ResponseObject | FastifyReply> {
  const caller = request.caller.name;
  const { release, ...used } = await leaseModel(service.context, body.model, clientSignal(request, reply));
  const log = new EventLog(service.context.memory.hold(caller));
  let run: ResponseRun;
  try {
    const { signal } = new AbortController();
    const prepared = await service.prepare(body, used, { owner: caller, signal });
    run = await service.start({ caller, sink: log.sink, signal, log, ...prepared });
  } catch (thrown) {
    release();
    throw thrown;
  }
  void service.drive(run, () => null).finally(release);
  if (body.stream !== true) return { ...run.response, status: 'queued' };
  await sendEvents(service, reply, log.read());
  return reply;
}

function sendEvents(
  { context }: ResponsesService,
  reply: FastifyReply,
  pieces: AsyncIterable<string>,
): Promise<void> {
  return sendStream(context, reply, withDone(pieces), {
    contentType: sseContentType,
    ping: ssePing,
    // Errors come as events before this could.
    errorFrame: () => done,
  });
}

/** Has the model sum the conversation up, and keeps what the user said last. */
async function compact(
  service: ResponsesService,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const caller = request.caller.name;
  const { model, instructions, previous_response_id, input } = parse(createBody, request.body);
  const own = inputItems(input, (id) => service.store.item(id, caller));
  const body = {
    model,
    instructions,
    previous_response_id,
    input: [...own, { role: 'user', content: summaryRequest }],
    temperature: 0,
    max_output_tokens: summaryTokens,
    truncation: 'auto',
    store: false,
  };
  const used = await useModel(service.context, request, reply, model);
  const signal = clientSignal(request, reply);
  const run = await service.start({
    ...(await service.prepare(parse(createBody, body), used, { owner: caller, signal })),
    caller,
    sink: unseen,
    signal,
  });
  await service.drive(run, () => null);
  if (run.error !== null) throw run.error;
  const { id, created_at, output, usage } = run.response;
  const summary = output.flatMap((item) =>
    item.type === 'message' ? item.content.map(({ text }) => text) : [],
  );
  const lastSaid = own.filter(({ type, role }) => type === 'message' && role === 'user').slice(-1);
  return {
    id,
    object: 'response.compaction',
    created_at,
    output: [...lastSaid, compactionItem(newId('cmp'), summary.join('').trim())],
    usage,
  };
}

const done = 'data: [DONE]\n\n';

async function* withDone(pieces: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  yield* pieces;
  yield done;
}

/** Events as the text of a stream. */
class SseEvents {
  readonly sink = jsonSink((type, json) => {
    this.text += `event: ${type}\ndata: ${json}\n\n`;
  });
  private text = '';

  take(): string {
    const { text } = this;
    this.text = '';
    return text;
  }
}
