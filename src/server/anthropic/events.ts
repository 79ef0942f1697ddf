/** The events of an answer in Anthropic's form; a whole answer is what they add up to, so both always agree. */
import { createHash } from 'node:crypto';
import type { UsageExtension } from '../../protocol/protocol.js';
import type { CompletionEvent } from '../road/completion.js';
import { type EndEvent, usageExtension } from '../road/usage.js';

export type AnswerBlock =
  | { readonly type: 'thinking'; readonly thinking: string; readonly signature: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'tool_use'; readonly id: string; readonly name: string; readonly input: unknown };

export type StopReason =
  | 'end_turn'
  | 'max_tokens'
  | 'stop_sequence'
  | 'tool_use'
  | 'model_context_window_exceeded';

interface Usage {
  /** Prompt tokens that were not in the prefix cache. */
  readonly input_tokens: number;
  readonly cache_creation_input_tokens: number;
  readonly cache_read_input_tokens: number;
  readonly output_tokens: number;
  readonly service_tier?: 'standard';
  readonly waferflow?: UsageExtension;
}

export interface AnswerMessage {
  readonly id: string;
  readonly type: 'message';
  readonly role: 'assistant';
  readonly model: string;
  readonly content: readonly AnswerBlock[];
  readonly stop_reason: StopReason | null;
  readonly stop_sequence: string | null;
  readonly usage: Usage;
}

type BlockDelta =
  | { readonly type: 'thinking_delta'; readonly thinking: string }
  | { readonly type: 'signature_delta'; readonly signature: string }
  | { readonly type: 'text_delta'; readonly text: string }
  | { readonly type: 'input_json_delta'; readonly partial_json: string };

export type AnswerEvent =
  | { readonly type: 'message_start'; readonly message: AnswerMessage }
  | { readonly type: 'ping' }
  | { readonly type: 'content_block_start'; readonly index: number; readonly content_block: AnswerBlock }
  | { readonly type: 'content_block_delta'; readonly index: number; readonly delta: BlockDelta }
  | { readonly type: 'content_block_stop'; readonly index: number }
  | {
      readonly type: 'message_delta';
      readonly delta: Pick<AnswerMessage, 'stop_reason' | 'stop_sequence'>;
      readonly usage: Usage;
    }
  | { readonly type: 'message_stop' };

export interface AnswerHead {
  readonly id: string;
  readonly model: string;
  readonly maxTokens: number;
}

export async function* answerEvents(
  events: AsyncIterable<CompletionEvent>,
  { id, model, maxTokens }: AnswerHead,
): AsyncGenerator<AnswerEvent, void, void> {
  let count = 0;
  let open: 'thinking' | 'text' | 'tool_use' | null = null;
  let thought = '';
  const close = (): AnswerEvent[] => {
    if (open === null) return [];
    const index = count - 1;
    const signature = open === 'thinking' ? signatureOf(thought) : null;
    open = null;
    thought = '';
    const delta = signature !== null && ({ type: 'signature_delta', signature } as const);
    return [
      ...(delta ? [{ type: 'content_block_delta', index, delta } as const] : []),
      { type: 'content_block_stop', index },
    ];
  };
  for await (const event of events) {
    switch (event.type) {
      case 'queued':
        yield { type: 'ping' };
        break;
      case 'started': {
        const usage = {
          input_tokens: event.promptIds.length - event.cachedTokens,
          cache_creation_input_tokens: 0,
          cache_read_input_tokens: event.cachedTokens,
          output_tokens: 0,
        };
        const message: AnswerMessage = {
          id,
          type: 'message',
          role: 'assistant',
          model,
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage,
        };
        yield { type: 'message_start', message };
        yield { type: 'ping' };
        break;
      }
      case 'reasoning':
        if (open !== 'thinking') {
          yield* close();
          open = 'thinking';
          const block = { type: 'thinking', thinking: '', signature: '' } as const;
          yield { type: 'content_block_start', index: count++, content_block: block };
        }
        thought += event.text;
        yield {
          type: 'content_block_delta',
          index: count - 1,
          delta: { type: 'thinking_delta', thinking: event.text },
        };
        break;
      case 'text':
        if (event.text === '') break;
        if (open !== 'text') {
          yield* close();
          open = 'text';
          const block = { type: 'text', text: '' } as const;
          yield { type: 'content_block_start', index: count++, content_block: block };
        }
        yield {
          type: 'content_block_delta',
          index: count - 1,
          delta: { type: 'text_delta', text: event.text },
        };
        break;
      case 'toolCallStart': {
        yield* close();
        open = 'tool_use';
        const block = { type: 'tool_use', id: event.id, name: event.name, input: {} } as const;
        yield { type: 'content_block_start', index: count++, content_block: block };
        break;
      }
      case 'toolCallArguments':
        yield {
          type: 'content_block_delta',
          index: count - 1,
          delta: { type: 'input_json_delta', partial_json: event.text },
        };
        break;
      case 'end':
        yield* close();
        yield {
          type: 'message_delta',
          delta: { stop_reason: stopReason(event, maxTokens), stop_sequence: event.stopString },
          usage: usageOf(event),
        };
        yield { type: 'message_stop' };
        break;
      default:
        event satisfies never;
    }
  }
}

/** Clients send back only thoughts that have one; nobody here looks at it. */
function signatureOf(thought: string): string {
  return createHash('sha256').update(thought).digest('base64');
}

function stopReason({ finishReason, stopString, usage }: EndEvent, maxTokens: number): StopReason {
  switch (finishReason) {
    case 'tool_calls':
      return 'tool_use';
    case 'length':
      return usage.completionTokens < maxTokens ? 'model_context_window_exceeded' : 'max_tokens';
    default:
      return stopString === null ? 'end_turn' : 'stop_sequence';
  }
}

function usageOf(end: EndEvent): Usage {
  const { promptTokens, cachedTokens, completionTokens } = end.usage;
  return {
    input_tokens: promptTokens - cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cachedTokens,
    output_tokens: completionTokens,
    service_tier: 'standard',
    waferflow: usageExtension(end),
  };
}

/** The input of a call; one that the limit cut is as good as none. */
function inputOf(json: string): unknown {
  try {
    return JSON.parse(json || '{}');
  } catch {
    return {};
  }
}

/** What the events of an answer add up to. */
export async function wholeMessage(events: AsyncIterable<AnswerEvent>): Promise<AnswerMessage> {
  let message: AnswerMessage | undefined;
  const content: AnswerBlock[] = [];
  let json = '';
  for await (const event of events) {
    switch (event.type) {
      case 'message_start':
        message = event.message;
        break;
      case 'content_block_start':
        content.push(event.content_block);
        json = '';
        break;
      case 'content_block_delta': {
        const block = content[event.index]!;
        if (event.delta.type === 'input_json_delta') json += event.delta.partial_json;
        else if (event.delta.type === 'thinking_delta') {
          if (block.type === 'thinking')
            content[event.index] = { ...block, thinking: block.thinking + event.delta.thinking };
        } else if (event.delta.type === 'signature_delta') {
          if (block.type === 'thinking')
            content[event.index] = { ...block, signature: event.delta.signature };
        } else if (block.type === 'text')
          content[event.index] = { ...block, text: block.text + event.delta.text };
        break;
      }
      case 'content_block_stop': {
        const block = content[event.index]!;
        if (block.type === 'tool_use') content[event.index] = { ...block, input: inputOf(json) };
        break;
      }
      case 'message_delta':
        if (message !== undefined) message = { ...message, ...event.delta, usage: event.usage };
        break;
    }
  }
  if (message === undefined) throw new Error('the answer never started');
  return { ...message, content };
}
