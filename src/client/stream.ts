/** One request's answer: its events as they come, and the whole at the end. */
import {
  type BegunResponse,
  type BriefResponse,
  type EndedResponse,
  entryKind,
  type OutputItem,
  type OutputLogprob,
  type RequestErrorEvent,
  type ServerEntry,
  type SteerEvent,
} from '../protocol/protocol.js';
import { type ConnectionError, ServerError, serverError } from './errors.js';

/** A response that has ended, put together from its parts. */
export interface ClientResponse extends BriefResponse {
  readonly output: readonly OutputItem[];
  /** The text of all messages. */
  readonly text: string;
}

export type ClientStreamEvent =
  | { readonly type: 'created'; readonly response: BriefResponse }
  | { readonly type: 'queued'; readonly position: number }
  | { readonly type: 'text'; readonly text: string; readonly logprobs?: readonly OutputLogprob[] }
  | { readonly type: 'call'; readonly callId: string; readonly name: string }
  | { readonly type: 'arguments'; readonly text: string }
  | { readonly type: 'rateLimits'; readonly headers: Readonly<Record<string, string>> }
  /** The response stopped for a steer, and another one goes on from it; the last one is what `response` gives. */
  | { readonly type: 'steered'; readonly response: ClientResponse }
  /** A steer waits until the calls of the response are answered in a new request. */
  | { readonly type: 'steerPending'; readonly callIds: readonly string[] }
  | { readonly type: 'end'; readonly response: ClientResponse };

export interface StreamControls {
  cancel(): void;
  steer(responseId: string, input: unknown): void;
}

/** Iterate it for the events, or await `response`; both work together. */
export class ResponseStream implements AsyncIterable<ClientStreamEvent> {
  /** The response at its end. Rejects with a ServerError or a ConnectionError. */
  readonly response: Promise<ClientResponse>;
  private readonly controls: StreamControls;
  private readonly queue: ClientStreamEvent[] = [];
  private head = 0;
  private wake: (() => void) | null = null;
  private settle!: (response: ClientResponse) => void;
  private reject!: (error: Error) => void;
  private failure: Error | null = null;
  private phase: 'open' | 'over' = 'open';
  private brief: BriefResponse | null = null;
  private items: OpenItem[] = [];
  private text: string[] = [];
  /** Steers that the server took and has not begun to follow. */
  private readonly steers = new Set<string>();
  private readonly steering: { resolve: () => void; reject: (error: Error) => void }[] = [];

  constructor(controls: StreamControls) {
    this.controls = controls;
    this.response = new Promise((resolve, reject) => {
      this.settle = resolve;
      this.reject = reject;
    });
    // Whoever iterates gets the error there.
    this.response.catch(() => undefined);
  }

  /** Id of the response under way; null until it is created. */
  get id(): string | null {
    return this.brief?.id ?? null;
  }

  /** Ends it; what came so far stays, and the status becomes `cancelled`. */
  cancel(): void {
    if (this.phase === 'open') this.controls.cancel();
  }

  /** Stops the response and goes on with this input. Settles when the server has taken it; rejects with a ServerError. */
  steer(input: unknown): Promise<void> {
    return new Promise((resolve, reject) => {
      const { id } = this;
      if (id === null || this.phase === 'over') {
        const message = id === null ? 'The response has not begun.' : 'The response has ended.';
        reject(
          new ServerError({
            status: 0,
            code: 'response_not_active',
            message,
            param: null,
            retryAfterMs: null,
          }),
        );
        return;
      }
      this.steering.push({ resolve, reject });
      this.controls.steer(id, input);
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ClientStreamEvent, void, void> {
    for (;;) {
      if (this.head < this.queue.length) {
        const event = this.queue[this.head++]!;
        // Drops what was taken, a part at a time.
        if (this.head === 1024) {
          this.queue.splice(0, this.head);
          this.head = 0;
        }
        yield event;
        if (event.type === 'end') return;
        continue;
      }
      if (this.failure !== null) throw this.failure;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** Takes an entry of the server. Returns whether it was the last. */
  take(entry: ServerEntry): boolean {
    switch (entry[0]) {
      case entryKind.text:
        this.takeText(entry[3], entry[4], entry[5]);
        return false;
      case entryKind.arguments:
        for (const text of entry[4]) {
          this.items[entry[3]]!.parts.push(text);
          this.emit({ type: 'arguments', text });
        }
        return false;
      default:
        this.takeEvent(entry[2] as BinaryEvent);
        return this.phase === 'over';
    }
  }

  fail(error: ConnectionError | ServerError): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.failure = error;
    for (const { reject } of this.steering.splice(0)) reject(error);
    this.reject(error);
    this.wakeUp();
  }

  private takeText(
    index: number,
    texts: readonly string[],
    logprobs: readonly (readonly OutputLogprob[])[] | undefined,
  ): void {
    const item = this.items[index]!;
    for (let i = 0; i < texts.length; i++) {
      const text = texts[i]!;
      item.parts.push(text);
      this.text.push(text);
      const some = logprobs?.[i];
      if (some !== undefined) item.logprobs.push(...some);
      this.queue.push(some === undefined ? { type: 'text', text } : { type: 'text', text, logprobs: some });
    }
    this.wakeUp();
  }

  private takeEvent(event: BinaryEvent): void {
    switch (event.type) {
      case 'response.created':
        this.steers.clear();
        this.items = [];
        this.text = [];
        this.brief = {
          completed_at: null,
          error: null,
          incomplete_details: null,
          usage: null,
          ...event.response,
        };
        this.emit({ type: 'created', response: this.brief });
        return;
      case 'response.queued':
        this.emit({ type: 'queued', position: event.position });
        return;
      case 'response.output_item.added':
        this.items[event.output_index] = { item: event.item, parts: [], logprobs: [], status: 'incomplete' };
        if ('call_id' in event.item)
          this.emit({ type: 'call', callId: event.item.call_id, name: event.item.name });
        return;
      case 'response.output_item.done':
        this.items[event.output_index]!.status = event.item.status;
        if ('type' in event.item) this.items[event.output_index]!.item = event.item;
        return;
      case 'response.completed':
      case 'response.incomplete':
      case 'response.failed':
        this.takeEnd({ ...this.brief!, ...event.response });
        return;
      case 'waferflow.rate_limits':
        this.emit({ type: 'rateLimits', headers: event.headers });
        return;
      case 'response.steer.accepted':
        this.steers.add(event.steer.id);
        this.steering.shift()?.resolve();
        return;
      case 'response.steer.failed':
        this.steerFailed(event);
        return;
      case 'response.steer.pending':
        this.steers.clear();
        this.emit({ type: 'steerPending', callIds: event.required_input.map(({ call_id }) => call_id) });
        this.endIfOver();
        return;
      case 'error':
        // Inside of a response `response.failed` follows and says the same.
        if ('status' in event) this.fail(serverError(event));
        return;
      default:
        return;
    }
  }

  private steerFailed(event: Extract<SteerEvent, { type: 'response.steer.failed' }>): void {
    const { code, message } = event.error;
    const { id } = event.steer;
    if (id === undefined)
      this.steering
        .shift()
        ?.reject(new ServerError({ status: 400, code, message, param: null, retryAfterMs: null }));
    else {
      this.steers.delete(id);
      this.endIfOver();
    }
  }

  private takeEnd(response: BriefResponse): void {
    this.brief = response;
    if (response.status === 'failed') {
      const { code = 'server_error', message = 'The response failed.' } = response.error ?? {};
      this.fail(new ServerError({ status: 0, code, message, param: null, retryAfterMs: null }));
      return;
    }
    if (this.steers.size > 0 && response.status !== 'cancelled') {
      this.emit({ type: 'steered', response: this.whole(response) });
      return;
    }
    this.over(response);
  }

  /** Ends it where the last response has ended already and nothing follows it. */
  private endIfOver(): void {
    if (this.steers.size === 0 && this.brief !== null && terminal.has(this.brief.status))
      this.over(this.brief);
  }

  private over(brief: BriefResponse): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    const response = this.whole(brief);
    this.settle(response);
    this.emit({ type: 'end', response });
  }

  private whole(brief: BriefResponse): ClientResponse {
    return { output: this.items.map(outputItem), text: this.text.join(''), ...brief };
  }

  private emit(event: ClientStreamEvent): void {
    this.queue.push(event);
    this.wakeUp();
  }

  private wakeUp(): void {
    const { wake } = this;
    this.wake = null;
    wake?.();
  }
}

const terminal: ReadonlySet<string> = new Set(['completed', 'incomplete', 'cancelled']);

interface OpenItem {
  item: OutputItem;
  readonly parts: string[];
  readonly logprobs: OutputLogprob[];
  status: OutputItem['status'];
}

function outputItem({ item, parts, logprobs, status }: OpenItem): OutputItem {
  const text = parts.join('');
  if (item.type === 'custom_tool_call') return { ...item, status };
  if (item.type === 'reasoning') return { ...item, status };
  if (item.type === 'function_call') return { ...item, status, arguments: text };
  return { ...item, status, content: [{ type: 'output_text', text, annotations: [], logprobs }] };
}

/** Events as the binary form carries them. */
type BinaryEvent =
  | { readonly type: 'response.created'; readonly response: BegunResponse }
  | { readonly type: 'response.queued'; readonly position: number }
  | {
      readonly type: 'response.completed' | 'response.incomplete' | 'response.failed';
      readonly response: EndedResponse;
    }
  | { readonly type: 'response.output_item.added'; readonly output_index: number; readonly item: OutputItem }
  | {
      readonly type: 'response.output_item.done';
      readonly output_index: number;
      /** Whole where its text did not come in deltas. */
      readonly item: OutputItem | { readonly status: OutputItem['status'] };
    }
  | { readonly type: 'waferflow.rate_limits'; readonly headers: Readonly<Record<string, string>> }
  | SteerEvent
  | RequestErrorEvent
  | { readonly type: 'error'; readonly sequence_number: number };
