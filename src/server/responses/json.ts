/** Events as JSON text. Deltas are put together by hand: there is one for every token. */
import type { OutputLogprob, ResponseEvent } from '../../protocol/protocol.js';
import type { Delta, EventSink } from './events.js';

/** Takes an event's type and its JSON text. */
export type WriteJson = (type: string, json: string) => void;

const textType = 'response.output_text.delta';
const argumentsType = 'response.function_call_arguments.delta';

/** Writes every event as JSON; `lane` is the `stream_id` that they carry. */
export function jsonSink(write: WriteJson, lane: string | null = null): EventSink {
  const end = lane === null ? '}' : `,"stream_id":${JSON.stringify(lane)}}`;
  return {
    event: (event: ResponseEvent) => write(event.type, JSON.stringify(event).slice(0, -1) + end),
    textDelta: (delta: Delta, text: string, logprobs: readonly OutputLogprob[]) =>
      write(
        textType,
        `{"type":"${textType}","sequence_number":${delta.sequenceNumber},"item_id":"${delta.itemId}",` +
          `"output_index":${delta.outputIndex},"content_index":0,"delta":${JSON.stringify(text)},` +
          `"logprobs":${logprobs.length === 0 ? '[]' : JSON.stringify(logprobs)}${end}`,
      ),
    argumentsDelta: (delta: Delta, text: string) =>
      write(
        argumentsType,
        `{"type":"${argumentsType}","sequence_number":${delta.sequenceNumber},"item_id":"${delta.itemId}",` +
          `"output_index":${delta.outputIndex},"delta":${JSON.stringify(text)}${end}`,
      ),
  };
}
