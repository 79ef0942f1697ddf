/** Anthropic's Messages API: `POST /v1/messages`, whole and streamed, and `POST /v1/messages/count_tokens`. */
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.js';
import type { ApiErrorFacts } from '../errors.js';
import { clientSignal, counted, type ErrorFormat, parseBody, writeErrors } from '../http.js';
import { useModel } from '../models/use.js';
import { newId } from '../responses/ids.js';
import { complete } from '../road/complete.js';
import { countTokens } from '../road/prompt.js';
import { weighed } from '../road/weighed.js';
import { type StreamForm, sendStream, sseContentType } from '../stream.js';
import { type AnswerEvent, answerEvents, wholeMessage } from './events.js';
import { completionRequest, messagesBody, promptBody, promptOf } from './request.js';

export function registerAnthropic(app: FastifyInstance, all: ServerContext): void {
  app.register((scope, _options, done) => {
    writeErrors(scope, () => anthropicError, all.log);
    scope.addHook('onRequest', (request, reply, next) => {
      reply.header('request-id', request.id);
      next();
    });
    scope.post('/v1/messages', async (request, reply) => {
      const body = parseBody(messagesBody, request.body);
      const { context, model } = await useModel(
        all,
        request,
        reply,
        body.model,
        body.stream === true ? streamForm : null,
      );
      const wanted = completionRequest(body, context.host.require().info, {
        id: request.id,
        caller: request.caller.name,
      });
      const completion = await complete(context, wanted, clientSignal(request, reply));
      const head = { id: newId('msg'), model, maxTokens: body.max_tokens };
      if (body.stream !== true) return wholeMessage(answerEvents(weighed(completion, request.holding), head));
      await sendStream(context, reply, frames(answerEvents(completion, head)), streamForm);
      return reply;
    });
    scope.post('/v1/messages/count_tokens', counted, async (request, reply) => {
      const body = parseBody(promptBody, request.body);
      const { context } = await useModel(all, request, reply, body.model);
      const turn = { owner: request.caller.name, signal: clientSignal(request, reply) };
      return { input_tokens: await countTokens(context.host.require(), promptOf(body), turn) };
    });
    done();
  });
}

async function* frames(events: AsyncIterable<AnswerEvent>): AsyncGenerator<string, void, void> {
  for await (const event of events) yield frame(event);
}

function frame(event: { readonly type: string }): string {
  return `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

const streamForm: StreamForm = {
  contentType: sseContentType,
  ping: frame({ type: 'ping' }),
  errorFrame: (error) => frame(anthropicError(error, '') as { type: string }),
};

export const anthropicError: ErrorFormat = ({ facts }, requestId) => ({
  type: 'error',
  error: {
    type: errorType(facts),
    message: messageOf(facts),
    ...(facts.details && { details: facts.details }),
  },
  request_id: requestId === '' ? null : requestId,
});

/** The words by which agents know that they have to shorten the conversation. */
function messageOf({ message, overflow }: ApiErrorFacts): string {
  if (overflow === undefined) return message;
  return `prompt is too long: ${overflow.tokens} tokens > ${overflow.context} maximum`;
}

function errorType({ status, type }: ApiErrorFacts): string {
  if (status === 413) return 'request_too_large';
  if (status === 404) return 'not_found_error';
  if (status === 503) return 'overloaded_error';
  return type === 'server_error' || type === 'service_unavailable_error' ? 'api_error' : type;
}
