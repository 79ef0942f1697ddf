/** From what the engine says to the events of a response: a state machine that only knows the order of events. */

import type {
  IncompleteReason,
  OutputCustomCall,
  OutputFunctionCall,
  OutputItem,
  OutputLogprob,
  OutputMessage,
  OutputReasoning,
  OutputText,
  ResponseError,
  ResponseEvent,
  ResponseObject,
  ResponseUsage,
} from '../../protocol/protocol.js';
import type { CompletionEvent } from '../road/completion.js';
import { customInput } from '../road/custom.js';
import { usageExtension } from '../road/usage.js';
import { newId } from './ids.js';
import {
  closingEvents,
  deltaEvents,
  openingEvents,
  type ThoughtEvent,
  type ThoughtForm,
  thoughtItem,
} from './thoughts.js';
import type { ClientTool } from './tools.js';

/** Takes the events of one response. Deltas come as parts, since their number decides what a token costs. */
export interface EventSink {
  event(event: ResponseEvent): void;
  textDelta(delta: Delta, text: string, logprobs: readonly OutputLogprob[]): void;
  argumentsDelta(delta: Delta, text: string): void;
}

/** Where a delta belongs; one object for all deltas of an item, its sequence number changes. */
export interface Delta {
  readonly itemId: string;
  readonly outputIndex: number;
  sequenceNumber: number;
}

type TextEvent = Extract<CompletionEvent, { type: 'text' }>;
type EndEvent = Extract<CompletionEvent, { type: 'end' }>;

interface OpenMessage {
  readonly kind: 'message';
  readonly delta: Delta;
  text: string;
  readonly logprobs: OutputLogprob[];
}

interface OpenCall {
  readonly kind: 'call';
  readonly delta: Delta;
  readonly callId: string;
  readonly tool: ClientTool;
  arguments: string;
}

interface OpenThought {
  readonly kind: 'thought';
  readonly delta: Delta;
  text: string;
}

export interface MachineOptions {
  /** Log-probabilities as a client reads them; only called when they were asked for. */
  readonly logprobs: (event: TextEvent) => OutputLogprob[];
  /** The tools by the names that the model knows. */
  readonly tools?: ReadonlyMap<string, ClientTool>;
  /** Without output: a warm-up. */
  readonly isWarmUp?: boolean;
  readonly thoughts?: ThoughtForm;
}

const textOf = (text: string, logprobs: readonly OutputLogprob[]): OutputText => ({
  type: 'output_text',
  text,
  annotations: [],
  logprobs,
});

export class ResponseMachine {
  /** The response as of the last event. */
  response: ResponseObject;
  private readonly sink: EventSink;
  private readonly options: MachineOptions;
  /** Why it is cut, should the engine say that it was cancelled. */
  cutReason: IncompleteReason = 'cancelled';
  private readonly thoughts: ThoughtForm;
  private sequence = 0;
  private state: 'new' | 'created' | 'running' | 'ended' = 'new';
  private open: OpenThought | OpenMessage | OpenCall | null = null;
  private readonly output: OutputItem[] = [];

  constructor(response: ResponseObject, sink: EventSink, options: MachineOptions) {
    this.response = response;
    this.sink = sink;
    this.options = options;
    this.thoughts = options.thoughts ?? { isKept: false, isSummed: false };
  }

  get isEnded(): boolean {
    return this.state === 'ended';
  }

  get isInCall(): boolean {
    return this.open?.kind === 'call';
  }

  nextSequence(): number {
    return this.sequence++;
  }

  push(event: CompletionEvent): void {
    switch (event.type) {
      case 'text':
        if (this.options.isWarmUp !== true) this.pushText(event);
        return;
      case 'queued':
        this.create('queued');
        this.sink.event({
          type: 'response.queued',
          sequence_number: this.sequence++,
          response: this.response,
          position: event.position,
        });
        return;
      case 'started':
        this.start();
        return;
      case 'reasoning':
        this.pushThought(event.text);
        return;
      case 'toolCallStart':
        this.openCall(event.id, event.name);
        return;
      case 'toolCallArguments':
        this.pushArguments(event.text);
        return;
      case 'end':
        this.end(event);
        return;
    }
  }

  /** Ends the response with an error, as an event of its own and in the response. */
  fail(error: ResponseError & { readonly param?: string }): void {
    if (this.isEnded) return;
    this.create('in_progress');
    this.closeItem('incomplete');
    const { code, message, param } = error;
    this.sink.event({ type: 'error', sequence_number: this.sequence++, code, message, param: param ?? null });
    this.finish('response.failed', { status: 'failed', error: { code, message } });
  }

  /** Ends the response before its time. */
  cut(reason: IncompleteReason, usage: ResponseUsage | null = null): void {
    if (this.isEnded) return;
    this.start();
    this.closeItem('incomplete');
    this.finish('response.incomplete', {
      status: reason === 'cancelled' ? 'cancelled' : 'incomplete',
      incomplete_details: { reason },
      usage,
    });
  }

  private create(status: 'queued' | 'in_progress'): void {
    if (this.state !== 'new') return;
    this.state = 'created';
    this.setStatus(status);
    this.lifecycle('response.created');
  }

  private start(): void {
    this.create('in_progress');
    if (this.state !== 'created') return;
    this.state = 'running';
    this.setStatus('in_progress');
    this.lifecycle('response.in_progress');
  }

  private setStatus(status: 'queued' | 'in_progress'): void {
    if (this.response.status !== status) this.response = { ...this.response, status };
  }

  private pushText(event: TextEvent): void {
    const { text } = event;
    const logprobs = event.logprobs === undefined ? noLogprobs : this.options.logprobs(event);
    if (text === '' && logprobs.length === 0) return;
    const open = this.open?.kind === 'message' ? this.open : this.openMessage();
    open.text += text;
    if (logprobs.length > 0) open.logprobs.push(...logprobs);
    open.delta.sequenceNumber = this.sequence++;
    this.sink.textDelta(open.delta, text, logprobs);
  }

  private pushThought(text: string): void {
    const open = this.open?.kind === 'thought' ? this.open : this.openThought();
    open.text += text;
    this.thoughtEvents(open.delta, deltaEvents(this.thoughts, text));
  }

  private openThought(): OpenThought {
    const delta = this.newItem('rs');
    const open: OpenThought = { kind: 'thought', delta, text: '' };
    this.open = open;
    this.itemEvent('response.output_item.added', this.thought(open, 'in_progress'));
    this.thoughtEvents(delta, openingEvents(this.thoughts));
    return open;
  }

  private thought({ delta, text }: OpenThought, status: OutputReasoning['status']): OutputReasoning {
    return thoughtItem(delta.itemId, text, status, this.thoughts);
  }

  private thoughtEvents({ itemId, outputIndex }: Delta, events: readonly ThoughtEvent[]): void {
    const place = { item_id: itemId, output_index: outputIndex };
    for (const event of events) this.sink.event({ ...event, ...place, sequence_number: this.sequence++ });
  }

  private openMessage(): OpenMessage {
    const delta = this.newItem('msg');
    const open: OpenMessage = { kind: 'message', delta, text: '', logprobs: [] };
    this.open = open;
    const item: OutputMessage = {
      id: delta.itemId,
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
      content: [],
    };
    this.itemEvent('response.output_item.added', item);
    this.partEvent('response.content_part.added', delta, textOf('', []));
    return open;
  }

  private openCall(callId: string, name: string): void {
    const tool = this.options.tools?.get(name) ?? { kind: 'function', namespace: null, name };
    const delta = this.newItem(tool.kind === 'custom' ? 'ctc' : 'fc');
    const open: OpenCall = { kind: 'call', delta, callId, tool, arguments: '' };
    this.open = open;
    this.itemEvent('response.output_item.added', callItem(open, 'in_progress'));
  }

  private pushArguments(text: string): void {
    const { open } = this;
    if (open === null || open.kind !== 'call') throw new Error('arguments came before their call');
    if (text === '') return;
    open.arguments += text;
    // The text that they stand for is known when they are whole.
    if (open.tool.kind === 'custom') return;
    open.delta.sequenceNumber = this.sequence++;
    this.sink.argumentsDelta(open.delta, text);
  }

  private newItem(prefix: string): Delta {
    this.start();
    this.closeItem('completed');
    return { itemId: newId(prefix), outputIndex: this.output.length, sequenceNumber: 0 };
  }

  private closeItem(status: 'completed' | 'incomplete'): void {
    const { open } = this;
    if (open === null) return;
    this.open = null;
    const { itemId, outputIndex } = open.delta;
    let item: OutputItem;
    if (open.kind === 'message') {
      const part = textOf(open.text, open.logprobs);
      const { text, logprobs } = part;
      this.sink.event({
        type: 'response.output_text.done',
        sequence_number: this.sequence++,
        item_id: itemId,
        output_index: outputIndex,
        content_index: 0,
        text,
        logprobs,
      });
      this.partEvent('response.content_part.done', open.delta, part);
      item = { id: itemId, type: 'message', status, role: 'assistant', content: [part] };
    } else if (open.kind === 'thought') {
      this.thoughtEvents(open.delta, closingEvents(this.thoughts, open.text));
      item = this.thought(open, status);
    } else {
      item = callItem(open, status);
      const place = { item_id: itemId, output_index: outputIndex };
      const event = (one: CallEvent): void =>
        this.sink.event({ ...one, ...place, sequence_number: this.sequence++ });
      if (item.type === 'custom_tool_call') {
        event({ type: 'response.custom_tool_call_input.delta', delta: item.input });
        event({ type: 'response.custom_tool_call_input.done', input: item.input });
      } else {
        const { name, arguments: text } = item;
        event({ type: 'response.function_call_arguments.done', name, arguments: text });
      }
    }
    this.output.push(item);
    this.itemEvent('response.output_item.done', item, outputIndex);
  }

  private end(event: EndEvent): void {
    if (this.isEnded) return;
    this.start();
    const { finishReason } = event;
    const isWarmUp = this.options.isWarmUp === true;
    const usage = usageOf(event, isWarmUp);
    if (finishReason === 'cancelled') {
      this.cut(this.cutReason, usage);
      return;
    }
    const isCutShort = finishReason === 'length' && !isWarmUp;
    // An answer without a word is still an answer.
    if (this.open === null && this.output.length === 0 && !isWarmUp) this.openMessage();
    this.closeItem(isCutShort ? 'incomplete' : 'completed');
    if (isCutShort)
      this.finish('response.incomplete', {
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        usage,
      });
    else
      this.finish('response.completed', {
        status: 'completed',
        completed_at: Math.floor(Date.now() / 1000),
        usage,
      });
  }

  private finish(
    type: 'response.completed' | 'response.incomplete' | 'response.failed',
    change: Partial<ResponseObject>,
  ): void {
    this.response = { ...this.response, ...change, output: this.output };
    this.state = 'ended';
    this.lifecycle(type);
  }

  private lifecycle(
    type:
      | 'response.created'
      | 'response.in_progress'
      | 'response.completed'
      | 'response.incomplete'
      | 'response.failed',
  ): void {
    this.sink.event({ type, sequence_number: this.sequence++, response: this.response });
  }

  private partEvent(
    type: 'response.content_part.added' | 'response.content_part.done',
    { itemId, outputIndex }: Delta,
    part: OutputText,
  ): void {
    this.sink.event({
      type,
      sequence_number: this.sequence++,
      item_id: itemId,
      output_index: outputIndex,
      content_index: 0,
      part,
    });
  }

  private itemEvent(
    type: 'response.output_item.added' | 'response.output_item.done',
    item: OutputItem,
    outputIndex = this.output.length,
  ): void {
    this.sink.event({ type, sequence_number: this.sequence++, output_index: outputIndex, item });
  }
}

const noLogprobs: readonly OutputLogprob[] = [];

type CallEvent =
  | { readonly type: 'response.custom_tool_call_input.delta'; readonly delta: string }
  | { readonly type: 'response.custom_tool_call_input.done'; readonly input: string }
  | {
      readonly type: 'response.function_call_arguments.done';
      readonly name: string;
      readonly arguments: string;
    };

function callItem(
  { delta, callId, tool, arguments: text }: OpenCall,
  status: OutputFunctionCall['status'],
): OutputFunctionCall | OutputCustomCall {
  const { kind, namespace, name } = tool;
  const shared = {
    id: delta.itemId,
    status,
    call_id: callId,
    ...(namespace !== null && { namespace }),
    name,
  };
  return kind === 'custom'
    ? { ...shared, type: 'custom_tool_call', input: text === '' ? '' : customInput(text) }
    : { ...shared, type: 'function_call', arguments: text };
}

function usageOf(end: EndEvent, isWarmUp: boolean): ResponseUsage {
  const { usage } = end;
  const outputTokens = isWarmUp ? 0 : usage.completionTokens;
  return {
    input_tokens: usage.promptTokens,
    input_tokens_details: {
      cached_tokens: usage.cachedTokens,
      cache_write_tokens: usage.promptTokens - usage.cachedTokens,
    },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
    total_tokens: usage.promptTokens + outputTokens,
    waferflow: usageExtension(end),
  };
}
