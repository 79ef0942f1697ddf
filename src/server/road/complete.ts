/** The one road to the engine: checks and admits a request, runs it, and turns chunks into events. */
import type {
  Engine,
  GenerateChunk,
  GenerateEnd,
  GenerateOptions,
  ScoreOptions,
  TokenLogprobs,
} from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { ApiError, clientGone, contextOverflow, toApiError } from '../errors.js';
import { simulatedOf } from '../simulated.js';
import type {
  CompletionEvent,
  CompletionPrompt,
  CompletionRequest,
  CompletionUsage,
  ServiceTier,
} from './completion.js';
import { Observer, observed } from './observe.js';
import { fewestTokens, type PromptIds, promptIds, promptLength } from './prompt.js';
import { type Calling, callingOf } from './tool-parser.js';
import type { EndEvent } from './usage.js';

/** A request that has its place; iterate it once. */
export interface Completion extends AsyncIterable<CompletionEvent> {
  readonly promptTokens: number;
  /** Ends it early, with the finish reason `cancelled`. */
  cancel(): void;
}

export const PRIORITIES: Readonly<Record<ServiceTier, number>> = { interactive: 1, batch: 0 };

/**
 * Admits a request and returns its events. Rejects with an ApiError when it cannot be taken, so that a surface can
 * still answer with a status; later ones come out of the iteration. Ends early, with the finish reason `cancelled`,
 * when the signal aborts, and with an ApiError when the server shuts down.
 */
export async function complete(
  context: ServerContext,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<Completion> {
  try {
    return await admitted(context, request, signal);
  } catch (thrown) {
    const error = toApiError(thrown);
    context.metrics.rejections.inc({ reason: error.facts.code });
    throw error;
  }
}

/** The checks come in the order of what they cost, so that a server at its limit refuses fast. */
async function admitted(
  context: ServerContext,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<Completion> {
  const { admission, lifecycle, host, keys, rates } = context;
  lifecycle.requireOpen();
  const engine = host.require();
  const caller = keys.caller(request.caller);
  const ticket = admission.admit(request.tier, request.caller);
  let prompt: PromptIds;
  let calling: Calling | null;
  try {
    requireRoom(engine, request.prompt);
    rates.require(caller);
    prompt = await promptIds(engine, request.prompt, { owner: request.caller, signal });
    requireRoom(engine, request.prompt, prompt.ids.length);
    calling = callingOf(engine.tokenizer, request.prompt, prompt.text ?? null, context.reasoning);
    ticket.queue(prompt.ids.length);
    await rates.take(caller, prompt.ids.length);
  } catch (thrown) {
    ticket.release();
    if (!signal.aborted) throw thrown;
    throw signal.reason instanceof ApiError ? signal.reason : clientGone();
  }
  const promptTokens = prompt.ids.length;
  const end = lifecycle.begin();
  const observer = new Observer(context, observed(request), promptTokens);
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
    adapter: context.adapter,
    ...request.options,
    ...calling?.options,
    // The engine makes one token at least; it is dropped.
    ...(request.options.maxTokens === 0 && { maxTokens: 1 }),
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
    promptIds: prompt.ids,
    release,
    ownStop: prompt.stop,
    observer,
    spend,
    parser,
    isPromptOnly: request.options.maxTokens === 0,
    score:
      request.promptLogprobs === undefined
        ? null
        : () =>
            scoreOf(engine, prompt.ids, {
              top: request.promptLogprobs!,
              adapter: context.adapter,
              signal: stop.signal,
            }),
  };
  return { promptTokens, cancel, [Symbol.asyncIterator]: () => eventsOf(run) };
}

interface Run {
  readonly engine: Engine;
  readonly context: ServerContext;
  readonly chunks: AsyncIterable<GenerateChunk>;
  readonly queue: QueueEvents;
  readonly promptIds: readonly number[];
  readonly release: () => void;
  readonly ownStop: string | null;
  readonly observer: Observer;
  readonly spend: (tokens: number) => void;
  readonly parser: Calling['parser'] | null;
  /** The prompt is read and nothing is written. */
  readonly isPromptOnly: boolean;
  /** What the prompt's tokens are worth, where that was asked for. */
  readonly score: (() => Promise<readonly TokenLogprobs[] | null>) | null;
}

async function* eventsOf(run: Run): AsyncGenerator<CompletionEvent, void, void> {
  const { context, chunks, queue, release, observer, spend, parser } = run;
  const iterator = chunks[Symbol.asyncIterator]();
  let end: EndEvent | null = null;
  try {
    const promptLogprobs = run.score === null ? null : await run.score();
    let next = iterator.next();
    // It may fail before it is waited for.
    next.catch(() => undefined);
    // Told before the prompt is read, which may take long.
    for (let isFirst = false; !isFirst && queue.cachedTokens === null; ) {
      isFirst = await Promise.race([next.then(() => true), queue.changed()]);
      for (const position of queue.take()) yield { type: 'queued', position };
    }
    queue.start();
    yield {
      type: 'started',
      promptIds: run.promptIds,
      cachedTokens: queue.cachedTokens ?? 0,
      ...(promptLogprobs && { promptLogprobs }),
    };
    for (;;) {
      const { value: chunk, done } = await next;
      if (done === true) throw new Error('the engine ended a generation without its last piece');
      if (chunk.done) {
        if (chunk.finishReason === 'cancelled') context.lifecycle.cut.throwIfAborted();
        if (parser !== null) yield* parser.end();
        end = endOf(run, chunk);
        yield end;
        return;
      }
      if (run.isPromptOnly) {
        next = iterator.next();
        continue;
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

function endOf({ engine, ownStop, isPromptOnly, parser }: Run, end: GenerateEnd): EndEvent {
  const { finishReason, stopString, timings } = end;
  const usage: CompletionUsage = {
    promptTokens: timings.promptTokens,
    cachedTokens: timings.cachedTokens,
    completionTokens: isPromptOnly ? 0 : timings.generatedTokens,
    reasoningTokens: parser?.reasoningTokens ?? 0,
    acceptedPredictionTokens: timings.acceptedTokens,
    rejectedPredictionTokens: timings.draftTokens - timings.acceptedTokens,
  };
  const isCall = (parser?.calls ?? 0) > 0;
  return {
    type: 'end',
    finishReason: isPromptOnly ? 'length' : isCall && finishReason === 'stop' ? 'tool_calls' : finishReason,
    stopString: stopString === ownStop ? null : stopString,
    usage,
    timings,
    get simulated() {
      return simulatedOf(engine, end);
    },
  };
}

/** Null where it was cut short: the generation then ends in the same way. */
async function scoreOf(
  engine: Engine,
  ids: readonly number[],
  options: ScoreOptions & { readonly signal: AbortSignal },
): Promise<readonly TokenLogprobs[] | null> {
  try {
    const { logprobs = [] } = await engine.score(ids, options);
    return logprobs;
  } catch (thrown) {
    if (options.signal.aborted) return null;
    throw thrown;
  }
}

/** What the engine says about its queue, until the request starts. */
class QueueEvents {
  /** Prompt tokens that were in the prefix cache when it started; null before. */
  cachedTokens: number | null = null;
  private positions: number[] = [];
  private wake: (() => void) | null = null;
  private readonly onStart: () => void;

  constructor(onStart: () => void) {
    this.onStart = onStart;
  }

  readonly push = (position: number, cachedTokens = 0): void => {
    if (position === 0) {
      this.onStart();
      this.cachedTokens ??= cachedTokens;
    } else this.positions.push(position);
    this.wake?.();
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
    if (this.positions.length === 0 && this.cachedTokens === null) {
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

/**
 * Throws the ApiError of a prompt that is too long for the context.
 *
 * @param tokens of the prompt; by default a number that it has at least
 */
export function requireRoom(
  { info: { context }, tokenizer }: Engine,
  prompt: CompletionPrompt,
  tokens: number = fewestTokens(tokenizer, promptLength(prompt), context),
): void {
  if (tokens >= context)
    throw contextOverflow({ tokens, context }, prompt.kind === 'messages' ? 'messages' : 'prompt');
}
