/** What is noted of each completion: metrics, one line in the log, a span. Never a word of prompt or answer. */
import { type Span, SpanStatusCode, trace } from '@opentelemetry/api';
import type { ServerContext } from '../context.js';
import type { ApiError } from '../errors.js';
import type { CompletionRequest } from './completion.js';
import type { EndEvent } from './usage.js';

const tracer = trace.getTracer('waferflow');

/** What is noted of a request. */
export interface Observed extends Pick<CompletionRequest, 'id' | 'caller' | 'tier'> {
  readonly operation: 'chat' | 'text_completion' | 'embeddings';
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
}

export function observed({ id, caller, tier, prompt, options }: CompletionRequest): Observed {
  const operation = prompt.kind === 'messages' ? 'chat' : 'text_completion';
  return { id, caller, tier, operation, maxTokens: options.maxTokens, temperature: options.temperature };
}

/** Follows one admitted request to its end. */
export class Observer {
  private readonly context: ServerContext;
  private readonly request: Observed;
  private readonly span: Span;
  private readonly promptTokens: number;
  private readonly startMs = performance.now();
  private lastMs = 0;
  private isOver: boolean = false;

  constructor(context: ServerContext, request: Observed, promptTokens: number) {
    this.context = context;
    this.request = request;
    this.promptTokens = promptTokens;
    const { operation, maxTokens, temperature } = request;
    this.span = tracer.startSpan(`${operation} ${context.model.id}`, {
      attributes: {
        'gen_ai.operation.name': operation,
        'gen_ai.provider.name': 'waferflow',
        'gen_ai.request.model': context.model.id,
        'gen_ai.response.id': request.id,
        'gen_ai.usage.input_tokens': promptTokens,
        ...(maxTokens !== undefined && { 'gen_ai.request.max_tokens': maxTokens }),
        ...(temperature !== undefined && { 'gen_ai.request.temperature': temperature }),
      },
    });
  }

  /** A piece of the answer with so many tokens. */
  tokens(count: number): void {
    if (count === 0) return;
    const now = performance.now();
    const { metrics } = this.context;
    if (this.lastMs === 0) {
      metrics.timeToFirstToken.observe((now - this.startMs) / 1000);
      this.span.addEvent('first token');
    } else metrics.interToken.observe((now - this.lastMs) / 1000 / count);
    this.lastMs = now;
  }

  end({ finishReason, usage, timings }: EndEvent): void {
    if (this.isNoted()) return;
    const { metrics, log } = this.context;
    const { queueMs, prefillMs, decodeMs, ttftMs } = timings;
    const totalMs = performance.now() - this.startMs;
    metrics.success.inc({ finished_reason: finishReason === 'cancelled' ? 'abort' : finishReason });
    metrics.endToEnd.observe(totalMs / 1000);
    metrics.queue.observe(queueMs / 1000);
    metrics.prefill.observe(prefillMs / 1000);
    metrics.decode.observe(decodeMs / 1000);
    metrics.inference.observe((prefillMs + decodeMs) / 1000);
    metrics.generationTokens.observe(usage.completionTokens);
    if (usage.completionTokens > 1)
      metrics.perOutputToken.observe(decodeMs / 1000 / (usage.completionTokens - 1));
    this.span.setAttributes({
      'gen_ai.usage.output_tokens': usage.completionTokens,
      'gen_ai.usage.cache_read.input_tokens': usage.cachedTokens,
      'gen_ai.response.finish_reasons': [finishReason],
      'waferflow.queue_ms': queueMs,
      'waferflow.prefill_ms': prefillMs,
      'waferflow.decode_ms': decodeMs,
    });
    this.span.end();
    const { id: requestId, caller, tier } = this.request;
    log.info(
      { requestId, caller, tier, finishReason, queueMs, ttftMs, prefillMs, decodeMs, totalMs, ...usage },
      'done',
    );
  }

  /** It ended with something else than text. */
  done(): void {
    if (this.isNoted()) return;
    const totalMs = performance.now() - this.startMs;
    this.context.metrics.success.inc({ finished_reason: 'stop' });
    this.context.metrics.endToEnd.observe(totalMs / 1000);
    this.span.end();
    const { id: requestId, caller, tier, operation } = this.request;
    this.context.log.info(
      { requestId, caller, tier, operation, totalMs, promptTokens: this.promptTokens },
      'done',
    );
  }

  fail(error: ApiError): void {
    if (this.isNoted()) return;
    const { metrics, log } = this.context;
    const { code, message } = error.facts;
    metrics.failure.inc({ code });
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    this.span.setAttribute('error.type', code);
    this.span.end();
    const { id: requestId, caller, tier } = this.request;
    log.warn({ requestId, caller, tier, code, message, err: error.cause }, 'failed');
  }

  /** The client went, or nobody read the answer to its end. */
  abandon(): void {
    if (this.isNoted()) return;
    this.context.metrics.success.inc({ finished_reason: 'abort' });
    this.span.setAttribute('gen_ai.response.finish_reasons', ['cancelled']);
    this.span.end();
    const { id: requestId, caller, tier } = this.request;
    const totalMs = performance.now() - this.startMs;
    this.context.log.info({ requestId, caller, tier, finishReason: 'abandoned', totalMs }, 'done');
  }

  /** Notes what is known of every request, once; true when it was already. */
  private isNoted(): boolean {
    if (this.isOver) return true;
    this.isOver = true;
    const { metrics } = this.context;
    const { maxTokens } = this.request;
    metrics.promptTokens.observe(this.promptTokens);
    if (maxTokens !== undefined) metrics.maxTokens.observe(maxTokens);
    return false;
  }
}
