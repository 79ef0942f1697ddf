/** What clients send on a socket, checked, and what a socket says beside the events of responses. */
import { z } from 'zod';
import type { RequestErrorEvent, SteerErrorCode, SteerEvent } from '../../protocol/protocol.js';
import { type ApiError, badRequest, errorHeaders } from '../errors.js';
import { list, mostTurns } from '../list.js';
import { parse } from '../responses/body.js';

const number = z.int().min(0);

const createEvent = z.looseObject({
  stream_id: z.string().min(1).max(128).nullish(),
  generate: z.boolean().nullish(),
  request: number.optional(),
});

const steerEvent = z.looseObject({ previous_response_id: z.string(), input: z.unknown().optional() });

const cancelEvent = z.looseObject({
  response_id: z.string().nullish(),
  stream_id: z.string().nullish(),
  request: number.nullish(),
});

/** Which event of the client it is. */
export function typeOf(event: unknown): string {
  const type = typeof event === 'object' && event !== null && 'type' in event ? event.type : undefined;
  if (typeof type === 'string') return type;
  throw badRequest('`type`: it names the event, e.g. "response.create".', 'type');
}

/** The checks of the fields that the socket itself reads; bodies are checked when their turn comes. */
export const parseCreate = (event: unknown): z.infer<typeof createEvent> => parse(createEvent, event);
export const parseSteer = (event: unknown): z.infer<typeof steerEvent> => parse(steerEvent, event);
export const parseCancel = (event: unknown): z.infer<typeof cancelEvent> => parse(cancelEvent, event);

const userMessages = list(
  z.looseObject({
    type: z.literal('message').optional(),
    role: z.literal('user'),
    content: z.union([z.string(), list(z.looseObject({ type: z.string() }))]),
  }),
  { least: 1, most: mostTurns },
);

/** The messages that a response can be steered with, or null. */
export function steeringInput(input: unknown): readonly unknown[] | null {
  const items = typeof input === 'string' && input !== '' ? [{ role: 'user', content: input }] : input;
  const checked = userMessages.safeParse(items);
  return checked.success ? checked.data : null;
}

export function requestError({ facts }: ApiError): RequestErrorEvent {
  const { status, type, code, message, param = null } = facts;
  const headers = errorHeaders(facts);
  return {
    type: 'error',
    sequence_number: 0,
    status,
    code,
    message,
    param,
    error: { type, code, message, param },
    ...(Object.keys(headers).length > 0 && { headers }),
  };
}

export function steerFailed(
  previousId: string,
  id: string | null,
  input: unknown,
  code: SteerErrorCode,
  message: string,
): SteerEvent {
  return {
    type: 'response.steer.failed',
    sequence_number: 0,
    steer: { ...(id !== null && { id }), previous_response_id: previousId, input },
    error: { type: 'invalid_request_error', code, message },
  };
}
