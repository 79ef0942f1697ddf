/** Makes one response: admits it, runs it, and keeps what a continuation needs. */

import type { IncompleteReason, ResponseObject } from '../../protocol/protocol.js';
import type { ServerContext } from '../context.js';
import { type ApiError, toApiError } from '../errors.js';
import { type Holding, nothingHeld } from '../gate/memory.js';
import { sizeOf } from '../gate/weight.js';
import { type Completion, complete } from '../road/complete.js';
import type { CompletionEvent, CompletionRequest } from '../road/completion.js';
import { weighed } from '../road/weighed.js';
import { type EventSink, ResponseMachine } from './events.js';
import type { EventLog } from './log.js';
import { outputLogprobs } from './logprobs.js';
import type { ResponseRequest } from './request.js';
import type { KeptResponse } from './store.js';

export interface RunOptions {
  readonly context: ServerContext;
  readonly request: ResponseRequest;
  readonly caller: string;
  readonly sink: EventSink;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  /** Only fills the prefix cache: no output. */
  readonly isWarmUp?: boolean;
  /** Bytes of the conversation that it continues. */
  readonly historyBytes?: number;
  /** For what its answer grows to. */
  readonly holding?: Holding;
  /** Of one in the background. */
  readonly log?: EventLog | null;
}

export class ResponseRun {
  readonly id: string;
  readonly caller: string;
  /** Settles when it is over and kept. */
  readonly ended: Promise<void>;
  onEnd: () => void = () => undefined;
  private readonly options: RunOptions;
  private readonly machine: ResponseMachine;
  /** To be iterated once, each of them given to `take`. */
  readonly events: AsyncIterable<CompletionEvent>;
  private readonly completion: Completion;
  private reason: IncompleteReason = 'cancelled';
  /** What it failed with. */
  error: ApiError | null = null;

  /** Admits the request. Rejects with an ApiError where it cannot be taken; then nothing was sent. */
  static async admit(options: RunOptions): Promise<ResponseRun> {
    const { context, request, caller, isWarmUp = false, signal } = options;
    const { maxTokens = context.host.require().info.context } = request.options;
    const asked: CompletionRequest = {
      id: request.response.id,
      prompt: request.prompt,
      caller,
      tier: request.tier,
      // A warm-up samples one token, since the engine has no fewer, and drops it.
      options: { ...request.options, maxTokens: isWarmUp ? 1 : maxTokens },
    };
    return new ResponseRun(options, await complete(context, asked, signal));
  }

  private constructor(options: RunOptions, completion: Completion) {
    const { context, request, caller, sink, isWarmUp = false } = options;
    const { response } = request;
    this.options = options;
    this.id = response.id;
    this.caller = caller;
    this.ended = new Promise((resolve) => {
      this.onEnd = resolve;
    });
    const engine = context.host.require();
    this.machine = new ResponseMachine(response, sink, {
      isWarmUp,
      tools: request.clientTools,
      thoughts: {
        isKept: request.body.include?.includes('reasoning.encrypted_content') === true,
        isSummed: request.body.reasoning?.summary != null,
      },
      logprobs: (event) => outputLogprobs(engine.tokenizer, event.logprobs ?? []),
    });
    this.completion = completion;
    this.events = weighed(completion, options.holding ?? nothingHeld);
  }

  get response(): ResponseObject {
    return this.machine.response;
  }

  /** Its events, of one in the background. */
  get log(): EventLog | null {
    return this.options.log ?? null;
  }

  /** Whether its last event is sent. */
  get isOver(): boolean {
    return this.machine.isEnded;
  }

  /** Whether a function call is being written. */
  get isInCall(): boolean {
    return this.machine.isInCall;
  }

  /** For events that others send about this response. */
  nextSequence(): number {
    return this.machine.nextSequence();
  }

  /** Ends it early; it then ends as `incomplete` with this reason. */
  cut(reason: IncompleteReason): void {
    this.reason = reason;
    this.completion.cancel();
  }

  /** Takes one of the events, which goes on to the sink in the form of the API. */
  take(event: CompletionEvent): void {
    if (event.type === 'end' && event.finishReason === 'cancelled') this.machine.cutReason = this.reason;
    this.machine.push(event);
  }

  /** Ends it with what broke the iteration of the events. */
  fail(thrown: unknown): void {
    this.error = toApiError(thrown);
    const { code, message, param } = this.error.facts;
    this.machine.fail({ code, message, ...(param !== undefined && { param }) });
  }

  /** What a continuation builds on, once it has ended. */
  kept(): KeptResponse {
    const { request, caller, historyBytes = 0 } = this.options;
    const { response, log } = this;
    return {
      owner: caller,
      response,
      input: request.input,
      conversation: [...request.history, ...request.input, ...response.output],
      joined: request.joined,
      ...(log && { log }),
      bytes: historyBytes + sizeOf(request.input) + sizeOf(response) + (log?.bytes ?? 0),
    };
  }
}
