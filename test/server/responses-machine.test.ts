/** The order of events where a model calls functions, and where a response is cut. */
import { expect, it } from 'vitest';
import type { ResponseEvent, ResponseObject } from '#src/protocol/protocol.js';
import { createBody, parse } from '#src/server/responses/body.js';
import { ResponseMachine } from '#src/server/responses/events.js';
import { jsonSink } from '#src/server/responses/json.js';
import { responseRequest } from '#src/server/responses/request.js';
import type { CompletionEvent } from '#src/server/road/completion.js';

async function machine(): Promise<{ machine: ResponseMachine; events: ResponseEvent[] }> {
  const body = parse(createBody, { input: 'hi', tools: [{ type: 'function', name: 'f' }] });
  const { response } = await responseRequest(body, {
    model: 'm',
    info: { sampling: {} },
    conversation: null,
    history: [],
    joined: null,
    fits: () => Promise.resolve(true),
    findItem: () => null,
  });
  const events: ResponseEvent[] = [];
  const sink = jsonSink((_type, json) => events.push(JSON.parse(json) as ResponseEvent));
  return { machine: new ResponseMachine(response, sink, { logprobs: () => [] }), events };
}

function endWith(finishReason: 'stop' | 'length' | 'tool_calls' | 'cancelled'): CompletionEvent {
  return {
    type: 'end',
    finishReason,
    stopString: null,
    usage: {
      promptTokens: 5,
      cachedTokens: 2,
      completionTokens: 7,
      reasoningTokens: 0,
      acceptedPredictionTokens: 0,
      rejectedPredictionTokens: 0,
    },
    timings: {
      promptTokens: 5,
      generatedTokens: 7,
      cachedTokens: 2,
      draftTokens: 0,
      acceptedTokens: 0,
      queueMs: 0,
      ttftMs: 1,
      prefillMs: 1,
      decodeMs: 1,
      prefillTokensPerSecond: 0,
      decodeTokensPerSecond: 0,
    },
    simulated: [],
  };
}

const callEvents: CompletionEvent[] = [
  { type: 'started', promptIds: [1, 2, 3, 4, 5], cachedTokens: 0 },
  { type: 'text', text: 'Let me see.', ids: [1, 2] },
  { type: 'toolCallStart', index: 0, id: 'call_1', name: 'f' },
  { type: 'toolCallArguments', index: 0, text: '{"a":' },
  { type: 'toolCallArguments', index: 0, text: '1}' },
  { type: 'toolCallStart', index: 1, id: 'call_2', name: 'f' },
  { type: 'toolCallArguments', index: 1, text: '{}' },
  endWith('tool_calls'),
];

const last = (events: readonly ResponseEvent[]): ResponseObject => {
  const event = events.at(-1);
  if (event === undefined || !('response' in event)) throw new Error('no response at the end');
  return event.response;
};

it('makes a text and two calls three items, each added, filled and done in turn', async () => {
  const { machine: one, events } = await machine();
  for (const event of callEvents) one.push(event);
  expect(events.map(({ type }) => type)).toEqual([
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.delta',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.output_item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'response.output_item.done',
    'response.output_item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'response.output_item.done',
    'response.completed',
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  expect(last(events)).toMatchObject({
    status: 'completed',
    output: [
      { type: 'message', content: [{ text: 'Let me see.' }] },
      { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"a":1}', status: 'completed' },
      { type: 'function_call', call_id: 'call_2', name: 'f', arguments: '{}', status: 'completed' },
    ],
    usage: {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 2 },
      output_tokens: 7,
      total_tokens: 12,
    },
  });
});

it.each([
  ['steered', 'incomplete'],
  ['cancelled', 'cancelled'],
] as const)('keeps what came before a cut: %s', async (reason, status) => {
  const { machine: one, events } = await machine();
  for (const event of callEvents.slice(0, 2)) one.push(event);
  one.cutReason = reason;
  one.push(endWith('cancelled'));
  expect(last(events)).toMatchObject({
    status,
    incomplete_details: { reason },
    output: [{ status: 'incomplete', content: [{ text: 'Let me see.' }] }],
  });
  expect(one.isEnded).toBe(true);
});

it('answers with an empty message where the model said nothing', async () => {
  const { machine: one, events } = await machine();
  one.push({ type: 'started', promptIds: [1, 2, 3, 4, 5], cachedTokens: 0 });
  one.push(endWith('stop'));
  expect(last(events).output).toMatchObject([{ type: 'message', content: [{ text: '' }] }]);
});

it('says each place in the queue once it is created', async () => {
  const { machine: one, events } = await machine();
  for (const position of [2, 1]) one.push({ type: 'queued', position });
  for (const event of callEvents.slice(0, 2)) one.push(event);
  expect(events.slice(0, 4).map(({ type }) => type)).toEqual([
    'response.created',
    'response.queued',
    'response.queued',
    'response.in_progress',
  ]);
  expect(events[1]).toMatchObject({ position: 2, response: { status: 'queued' } });
});
