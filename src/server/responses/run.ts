/** Makes one response: admits it, runs it, and keeps what a continuation needs. */

import { type Completion, complete } from '../complete.js';
import type { CompletionEvent, CompletionRequest } from '../completion.js';
import type { ServerContext } from '../context.js';
import { type ApiError, toApiError } from '../errors.js';
import type { IncompleteReason, ResponseObject } from '../protocol.js';
import { type EventSink, ResponseMachine } from './events.js';
import { outputLogprobs } from './logprobs.js';
import type { ResponseRequest } from './request.js';
import { type KeptResponse, sizeOf } from './store.js';

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
}

export class ResponseRun {
  readonly id: string;
  private readonly options: RunOptions;
  private readonly machine: ResponseMachine;
  private readonly completion: Completion;
  private readonly stop = new AbortController();
  private reason: IncompleteReason = 'cancelled';
  /** What it failed with. */
  error: ApiError | null = null;

  /** Admits the request. Throws an ApiError where it cannot be taken; then nothing was sent. */
  constructor(options: RunOptions) {
    const { context, request, caller, sink, isWarmUp = false } = options;
    const { response } = request;
    this.options = options;
    this.id = response.id;
    const engine = context.host.require();
    this.machine = new ResponseMachine(response, sink, {
      isWarmUp,
      logprobs: (event) => outputLogprobs(engine.tokenizer, event.logprobs ?? []),
      timings: timingsOf,
    });
    const { maxTokens = engine.info.context } = request.options;
    const asked: CompletionRequest = {
      id: response.id,
      prompt: request.prompt,
      caller,
      tier: request.tier,
      // A warm-up samples one token, since the engine has no fewer, and drops it.
      options: { ...request.options, maxTokens: isWarmUp ? 1 : maxTokens },
    };
    this.completion = complete(context, asked, AbortSignal.any([options.signal, this.stop.signal]));
  }

  get response(): ResponseObject {
    return this.machine.response;
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
    this.stop.abort();
  }

  /** Sends the events to the sink, up to the last one; yields whenever there may be new ones. Never throws. */
  async *steps(): AsyncGenerator<void, void, void> {
    const { machine } = this;
    try {
      for await (const event of this.completion) {
        if (event.type === 'end' && event.finishReason === 'cancelled') machine.cutReason = this.reason;
        machine.push(event);
        yield;
      }
    } catch (thrown) {
      this.error = toApiError(thrown);
      const { facts } = this.error;
      machine.fail({
        code: facts.code,
        message: facts.message,
        ...(facts.param !== undefined && { param: facts.param }),
      });
      yield;
    }
  }

  /** What a continuation builds on, once it has ended. */
  kept(): KeptResponse {
    const { request, caller, historyBytes = 0 } = this.options;
    const { response } = this;
    return {
      owner: caller,
      response,
      input: request.input,
      conversation: [...request.history, ...request.input, ...response.output],
      bytes: historyBytes + sizeOf(request.input) + sizeOf(response),
    };
  }
}

/** Measured on this machine, and simulated for others: apart, and never mixed. */
function timingsOf({ timings, simulated }: Extract<CompletionEvent, { type: 'end' }>): unknown {
  return {
    measured: {
      queue_ms: timings.queueMs,
      prefill_ms: timings.prefillMs,
      ttft_ms: timings.ttftMs,
      decode_ms: timings.decodeMs,
    },
    simulated: simulated.map(({ machine, ttftMs, tokensPerSecond }) => ({
      machine,
      ttft_ms: ttftMs,
      tokens_per_second: tokensPerSecond,
    })),
  };
}
