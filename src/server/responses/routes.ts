/** `/v1/responses` over HTTP: created, streamed, asked for again, cancelled and deleted. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { ResponseObject } from '../../protocol/protocol.js';
import { type ApiError, unavailable } from '../errors.js';
import { clientSignal, counted } from '../http.js';
import { leaseModel, useModel } from '../models/use.js';
import { countTokens } from '../road/prompt.js';
import type { EventWriter } from '../shared/event-log.js';
import { type StreamForm, sendStream, sseContentType, ssePing } from '../stream.js';
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
  /** Number of the last event that the client has. */
  starting_after: z.coerce.number().int().min(-1).default(-1),
});

export function registerResponses(app: FastifyInstance, service: ResponsesService): void {
  const idOf = (request: FastifyRequest): string => parse(idParams, request.params).id;

  app.post('/v1/responses', (request, reply) => create(service, request, reply));

  app.post('/v1/responses/input_tokens', counted, async (request, reply) => {
    const client = { owner: request.caller.name, signal: clientSignal(request, reply) };
    const body = parse(createBody, request.body);
    await service.recall(body, client.owner);
    const used = await useModel(service.context, request, reply, body.model);
    const { request: prepared } = await service.prepare(body, used, client);
    const tokens = await countTokens(used.context.host.require(), prepared.prompt, client);
    return { object: 'response.input_tokens', input_tokens: tokens };
  });

  app.post('/v1/responses/compact', (request, reply) => compact(service, request, reply));

  app.get('/v1/responses/:id', async (request, reply) => {
    const id = idOf(request);
    const caller = request.caller.name;
    const { stream, starting_after: after } = parse(streamQuery, request.query);
    if (stream === 'true') {
      const pieces = await streamAgain(service, id, { caller, after });
      await sendStream(service.context, reply, withDone(pieces), streamForm);
      return reply;
    }
    await service.recallResponse(id, caller);
    const response = service.find(id, caller);
    if (response === null) throw responseNotFound(id);
    return response;
  });

  app.delete('/v1/responses/:id', async (request) => {
    const id = idOf(request);
    if (!(await service.delete(id, request.caller.name))) throw responseNotFound(id);
    return { id, object: 'response', deleted: true };
  });

  app.post('/v1/responses/:id/cancel', async (request) => {
    const id = idOf(request);
    await service.recallResponse(id, request.caller.name);
    return service.cancel(id, request.caller.name);
  });

  app.get('/v1/responses/:id/input_items', async (request) => {
    const id = idOf(request);
    await service.recallResponse(id, request.caller.name);
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
  await service.recall(body, caller);
  if (body.background === true) return createInBackground(service, body, request, reply);
  const used = await useModel(
    service.context,
    request,
    reply,
    body.model,
    stream === true ? streamForm : null,
  );
  const signal = clientSignal(request, reply);
  const prepared = await service.prepare(body, used, { owner: caller, signal });
  if (stream === true) {
    const events = new SseEvents();
    const run = await service.start({ caller, sink: events.sink, signal, holding, ...prepared });
    const pieces = service.pieces(run, () => events.take());
    const writer = writerOf(service, run);
    const seen = writer === null ? pieces : logged(pieces, writer);
    await sendStream(service.context, reply, withDone(seen), streamForm);
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
  const { release, ...used } = await leaseModel(
    service.context,
    body.model,
    { owner: caller, signal: clientSignal(request, reply) },
    body,
  );
  const { memory } = service.context;
  // Its body stays when its connection is done with it.
  const held = memory.hold(caller);
  const log = new EventLog(memory.hold(caller));
  let run: ResponseRun;
  try {
    held.resize(request.holding.bytes);
    const { signal } = new AbortController();
    const prepared = await service.prepare(body, used, { owner: caller, signal });
    run = await service.start({ caller, sink: log.sink, signal, log, ...prepared });
  } catch (thrown) {
    held.release();
    release();
    throw thrown;
  }
  void service
    .drive(run, () => null)
    .finally(() => {
      held.release();
      release();
    });
  const writer = writerOf(service, run);
  if (writer !== null) void shareLog(log, writer);
  if (body.stream !== true) return { ...run.response, status: 'queued' };
  await sendStream(service.context, reply, withDone(log.read()), streamForm);
  return reply;
}

/** Has the model sum the conversation up, and keeps what the user said last. */
async function compact(
  service: ResponsesService,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const caller = request.caller.name;
  const asked = parse(createBody, request.body);
  const { model, instructions, previous_response_id, input } = asked;
  await service.recall(asked, caller);
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

const streamForm: StreamForm = {
  contentType: sseContentType,
  ping: ssePing,
  // Of one that was begun before its response was: later ones are events of the response.
  errorFrame: (error) => `${errorEvent(error)}${done}`,
};

function errorEvent({ facts: { code, message, param } }: ApiError): string {
  return `event: error\ndata: ${JSON.stringify({ type: 'error', code, message, param: param ?? null, sequence_number: 0 })}\n\n`;
}

/** The pieces of a stream, which other replicas can go on with. */
async function* logged(
  pieces: AsyncIterable<string>,
  writer: EventWriter,
): AsyncGenerator<string, void, void> {
  let isWhole = false;
  try {
    for await (const piece of pieces) {
      writer.write(piece);
      yield piece;
    }
    isWhole = true;
  } finally {
    writer.end(isWhole ? '' : errorEvent(cutOff('The client went before the response was complete.')));
  }
}

function cutOff(message: string): ApiError {
  return unavailable('response_cut_off', message, 1000);
}

/** Takes the events of a response for other replicas, where there are some. */
function writerOf({ context: { shared } }: ResponsesService, run: ResponseRun): EventWriter | null {
  return shared !== null && run.response.store ? shared.events.writer(run.id, run.caller) : null;
}

async function shareLog(log: EventLog, writer: EventWriter): Promise<void> {
  for await (const piece of log.read()) writer.write(piece);
  writer.end();
}

/** A response from the event after one, made here in the background or at another replica. Rejects with an ApiError where it cannot be. */
async function streamAgain(
  service: ResponsesService,
  id: string,
  { caller, after }: { readonly caller: string; readonly after: number },
): Promise<AsyncIterable<string>> {
  const { shared } = service.context;
  if (shared === null || service.findLog(id, caller) !== null) return service.log(id, caller).read(after);
  if ((await shared.events.ownerOf(id)) !== caller) throw responseNotFound(id);
  const lost = errorEvent(cutOff('The replica that made this response is gone: send the request again.'));
  return shared.events.follow(id, after, lost);
}

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
