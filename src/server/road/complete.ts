/** The one road to the engine: checks and admits a request, runs it, and turns chunks into events. */
import type { Engine, GenerateChunk, GenerateEnd, GenerateOptions } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { ApiError, toApiError } from '../errors.js';
import { simulatedOf } from '../simulated.js';
import type { CompletionEvent, CompletionRequest, CompletionUsage, ServiceTier } from './completion.js';
import { Observer } from './observe.js';
import { longestTokenBytes, promptIds, promptLength } from './prompt.js';
import { type Calling, callingOf } from './tool-parser.js';
import type { EndEvent } from './usage.js';

/** A request that has its place; iterate it once. */
export interface Completion extends AsyncIterable<CompletionEvent> {
  readonly promptTokens: number;
  /** Ends it early, with the finish reason `cancelled`. */
  cancel(): void;
}

const PRIORITIES: Readonly<Record<ServiceTier, number>> = { interactive: 1, batch: 0 };

/**
 * Admits a request and returns its events. Throws an ApiError at once when it cannot be taken, so that a surface can
 * still answer with a status; later ones come out of the iteration. Ends early, with the finish reason `cancelled`,
 * when the signal aborts, and with an ApiError when the server shuts down.
 */
export function complete(
  context: ServerContext,
  request: CompletionRequest,
  signal: AbortSignal,
): Completion {
  try {
    return admitted(context, request, signal);
  } catch (thrown) {
    const error = toApiError(thrown);
    context.metrics.rejections.inc({ reason: error.facts.code });
    throw error;
  }
}

/** The checks come in the order of what they cost, so that a server at its limit refuses fast. */
function admitted(context: ServerContext, request: CompletionRequest, signal: AbortSignal): Completion {
  const { admission, lifecycle, host, keys, rates } = context;
  lifecycle.requireOpen();
  const engine = host.require();
  const caller = keys.caller(request.caller);
  admission.requirePlace(request.tier, request.caller);
  requireRoom(engine, promptLength(request.prompt) / longestTokenBytes(engine.tokenizer), true);
  const prompt = promptIds(engine.tokenizer, request.prompt);
  const promptTokens = prompt.ids.length;
  requireRoom(engine, promptTokens, false);
  const calling = callingOf(engine.tokenizer.chatTemplate, request.prompt);
  admission.requireTokens(request.tier, promptTokens);
  rates.take(caller, promptTokens);
  const ticket = admission.admit(request.tier, request.caller, promptTokens);
  const end = lifecycle.begin();
  const observer = new Observer(context, request, promptTokens);
  // Not `AbortSignal.any`, which leaves something behind at a signal that lives as long as the server.
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  const forgetCut = lifecycle.onCut(cancel);
  const leave = (): void => {
    cancel();
    release();
  };
  const release = (): void => {
    signal.removeEventListener('abort', leave);
    forgetCut();
    ticket.release();
    end();
    observer.abandon();
  };
  const queue = new QueueEvents(ticket.start);
  // Spreads last: Node.js 20 takes a microsecond for each property that comes after one.
  const options: GenerateOptions = {
    signal: stop.signal,
    priority: PRIORITIES[request.tier],
    shareKey: request.caller,
    onQueue: queue.push,
    ...request.options,
    ...calling?.options,
    ...(prompt.stop !== null && { stop: [...stopList(request.options.stop), prompt.stop] }),
  };
  let chunks: AsyncIterable<GenerateChunk>;
  try {
    chunks = engine.generate(prompt.ids, options);
  } catch (thrown) {
    const error = toApiError(thrown);
    observer.fail(error);
    release();
    throw error;
  }
  // A completion that is never iterated gives its place back when the client goes.
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  else if (lifecycle.cut.aborted) cancel();
  const spend = (tokens: number): void => rates.spend(caller, tokens);
  const parser = calling?.parser ?? null;
  const run = {
    context,
    engine,
    chunks,
    queue,
    promptTokens,
    release,
    ownStop: prompt.stop,
    observer,
    spend,
    parser,
  };
  return { promptTokens, cancel, [Symbol.asyncIterator]: () => eventsOf(run) };
}

interface Run {
  readonly engine: Engine;
  readonly context: ServerContext;
  readonly chunks: AsyncIterable<GenerateChunk>;
  readonly queue: QueueEvents;
  readonly promptTokens: number;
  readonly release: () => void;
  readonly ownStop: string | null;
  readonly observer: Observer;
  readonly spend: (tokens: number) => void;
  readonly parser: Calling['parser'] | null;
}

async function* eventsOf(run: Run): AsyncGenerator<CompletionEvent, void, void> {
  const { context, chunks, queue, promptTokens, release, observer, spend, parser } = run;
  const iterator = chunks[Symbol.asyncIterator]();
  let end: EndEvent | null = null;
  try {
    let next = iterator.next();
    // Only until the first chunk can there be news of the queue.
    for (let isFirst = false; !isFirst; ) {
      isFirst = await Promise.race([next.then(() => true), queue.changed()]);
      for (const position of queue.take()) yield { type: 'queued', position };
    }
    queue.start();
    yield { type: 'started', promptTokens };
    for (;;) {
      const { value: chunk, done } = await next;
      if (done === true) throw new Error('the engine ended a generation without its last piece');
      if (chunk.done) {
        if (chunk.finishReason === 'cancelled') context.lifecycle.cut.throwIfAborted();
        if (parser !== null) yield* parser.end();
        end = endOf(run, chunk, parser !== null && parser.calls > 0);
        yield end;
        return;
      }
      const { text, ids, logprobs } = chunk;
      observer.tokens(ids.length);
      spend(ids.length);
      const piece = logprobs
        ? ({ type: 'text', text, ids, logprobs } as const)
        : ({ type: 'text', text, ids } as const);
      if (parser === null) yield piece;
      else yield* parser.push(piece);
      next = iterator.next();
    }
  } catch (thrown) {
    const error = toApiError(context.lifecycle.cut.aborted ? context.lifecycle.cut.reason : thrown);
    observer.fail(error);
    throw error;
  } finally {
    // Noted when the client has its end already.
    if (end !== null) observer.end(end);
    release();
    await iterator.return?.();
  }
}

function endOf({ engine, ownStop }: Run, end: GenerateEnd, isCall: boolean): EndEvent {
  const { finishReason, stopString, timings } = end;
  const usage: CompletionUsage = {
    promptTokens: timings.promptTokens,
    cachedTokens: timings.cachedTokens,
    completionTokens: timings.generatedTokens,
    acceptedPredictionTokens: timings.acceptedTokens,
    rejectedPredictionTokens: timings.draftTokens - timings.acceptedTokens,
  };
  return {
    type: 'end',
    finishReason: isCall && finishReason === 'stop' ? 'tool_calls' : finishReason,
    stopString: stopString === ownStop ? null : stopString,
    usage,
    timings,
    get simulated() {
      return simulatedOf(engine, end);
    },
  };
}

/** What the engine says about its queue, until the request starts. */
class QueueEvents {
  private positions: number[] = [];
  private wake: (() => void) | null = null;
  private readonly onStart: () => void;

  constructor(onStart: () => void) {
    this.onStart = onStart;
  }

  readonly push = (position: number): void => {
    if (position === 0) this.onStart();
    else {
      this.positions.push(position);
      this.wake?.();
    }
  };

  start(): void {
    this.onStart();
  }

  take(): number[] {
    const { positions } = this;
    this.positions = [];
    return positions;
  }

  async changed(): Promise<false> {
    if (this.positions.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return false;
  }
}

function stopList(stop: GenerateOptions['stop']): readonly string[] {
  if (stop === undefined) return [];
  return typeof stop === 'string' ? [stop] : stop;
}

/** @param isBound whether there are at least so many tokens, not just so many */
function requireRoom(engine: Engine, tokens: number, isBound: boolean): void {
  const { context } = engine.info;
  if (tokens < context) return;
  const given = `${isBound ? 'more than ' : ''}${Math.floor(tokens)}`;
  throw new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: 'context_length_exceeded',
    message: `This model's context is ${context} tokens, and the prompt has ${given}: shorten it.`,
    param: 'messages',
  });
}
