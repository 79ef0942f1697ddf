/** The chunks of a streamed chat completion. */
import type { Tokenizer } from '../../runtime/types.js';
import { timingsOf } from '../llama-cpp/ending.js';
import type { EndEvent } from '../road/usage.js';
import { ChoiceCalls, callFinish } from './chat-calls.js';
import type { ChatTools } from './chat-tools.js';
import type { ChoiceEvent } from './choices.js';
import { chatLogprobs, fingerprint, openAiUsage, streamDone } from './shared.js';

export interface ChatHead {
  readonly tools: ChatTools;
  readonly id: string;
  /** Unix time in seconds. */
  readonly created: number;
  readonly model: string;
  readonly tier: 'default' | 'flex';
}

export interface ChatStreamOptions {
  readonly includeUsage: boolean;
  /** What the answer took, as llama.cpp says it. */
  readonly withTimings: boolean;
}

/** Server-sent events, `[DONE]` last. Only what differs from chunk to chunk is written anew: this is the hot path. */
export async function* chatChunks(
  events: AsyncIterable<ChoiceEvent>,
  head: ChatHead,
  tokenizer: Tokenizer,
  { includeUsage, withTimings }: ChatStreamOptions,
): AsyncGenerator<string, void, void> {
  const { id, created, model, tier, tools } = head;
  const shared = JSON.stringify({
    id,
    object: 'chat.completion.chunk',
    created,
    model,
    service_tier: tier,
    system_fingerprint: fingerprint,
  });
  const start = `data: ${shared.slice(0, -1)},"choices":[`;
  const end = includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  const chunk = (index: number, delta: string, logprobs = 'null', reason = 'null'): string =>
    `${start}{"index":${index},"delta":${delta},"logprobs":${logprobs},"finish_reason":${reason}}${end}`;
  const ends: EndEvent[] = [];
  // A thought or a call may come in place of a text: an empty one would be a part of its own to some clients.
  const opening = JSON.stringify({ role: 'assistant', content: null, refusal: null });
  const calls = new ChoiceCalls(tools);
  for await (const { index, event } of events) {
    switch (event.type) {
      case 'queued':
        yield `: queued, ${event.position} in front\n\n`;
        break;
      case 'started':
        yield chunk(index, opening);
        break;
      case 'text': {
        if (event.text === '' && !event.logprobs?.length) break;
        const logprobs =
          event.logprobs &&
          JSON.stringify({ content: chatLogprobs(tokenizer, event.logprobs), refusal: null });
        yield chunk(index, `{"content":${JSON.stringify(event.text)}}`, logprobs);
        break;
      }
      case 'reasoning':
        yield chunk(index, `{"reasoning_content":${JSON.stringify(event.text)}}`);
        break;
      case 'toolCallStart':
      case 'toolCallArguments':
        for (const delta of calls.deltas(index, event)) yield chunk(index, JSON.stringify(delta));
        break;
      case 'end':
        ends.push(event);
        for (const delta of calls.end(index)) yield chunk(index, JSON.stringify(delta));
        yield chunk(index, '{}', 'null', `"${callFinish(tools, event.finishReason)}"`);
        break;
      default:
        event satisfies never;
    }
  }
  if (includeUsage) {
    const times = withTimings && ends.length === 1 ? `,"timings":${JSON.stringify(timingsOf(ends[0]!))}` : '';
    yield `${start}],"usage":${JSON.stringify(openAiUsage([ends]))}${times}}\n\n`;
  }
  yield streamDone;
}
