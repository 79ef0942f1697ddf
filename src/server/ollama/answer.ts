/** The lines of an answer in Ollama's form; a whole answer is what they add up to, so both always agree. */
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import type { CompletionEvent } from '../road/completion.js';
import type { EndEvent } from '../road/usage.js';

/** What is left out has no place in the answer. */
export interface AnswerLine {
  readonly model: string;
  readonly created_at: string;
  readonly text: string;
  readonly thinking: string;
  readonly calls: readonly AnswerCall[];
  readonly logprobs: readonly unknown[] | null;
  readonly end: AnswerEnd | null;
}

export interface AnswerCall {
  readonly id: string;
  readonly function: { readonly index: number; readonly name: string; readonly arguments: unknown };
}

/** Durations in nanoseconds. */
export interface AnswerEnd {
  readonly done_reason: 'stop' | 'length' | 'load';
  readonly total_duration: number;
  readonly load_duration: number;
  readonly prompt_eval_count: number;
  readonly prompt_eval_duration: number;
  readonly eval_count: number;
  readonly eval_duration: number;
  /** Ids of all prompts and answers so far, for a client that sends them back. */
  readonly context?: readonly number[];
}

export interface AnswerHead {
  readonly model: string;
  readonly tokenizer: Tokenizer;
  /** Whether the answer ends with the ids of prompt and answer. */
  readonly saysIds: boolean;
  /** Until the model was there. */
  readonly loadMs: number;
}

interface OpenCall {
  readonly id: string;
  readonly name: string;
  readonly index: number;
  text: string;
}

export async function* answerLines(
  events: AsyncIterable<CompletionEvent>,
  { model, tokenizer, saysIds, loadMs }: AnswerHead,
): AsyncGenerator<AnswerLine, void, void> {
  const line = (part: Partial<AnswerLine>): AnswerLine => ({
    model,
    created_at: new Date().toISOString(),
    text: '',
    thinking: '',
    calls: [],
    logprobs: null,
    end: null,
    ...part,
  });
  const startMs = performance.now();
  const ids: number[] = [];
  // Arguments are objects here, so calls are said when they are whole.
  let call: OpenCall | null = null;
  for await (const event of events) {
    if (call !== null && event.type !== 'toolCallArguments') {
      const { id, index, name, text } = call;
      yield line({ calls: [{ id, function: { index, name, arguments: whole(text) } }] });
      call = null;
    }
    switch (event.type) {
      case 'started':
        if (saysIds) ids.push(...event.promptIds);
        break;
      case 'text':
        if (saysIds) ids.push(...event.ids);
        if (event.text === '' && !event.logprobs?.length) break;
        yield line({
          text: event.text,
          ...(event.logprobs && { logprobs: event.logprobs.map((entry) => logprobOf(tokenizer, entry)) }),
        });
        break;
      case 'reasoning':
        if (saysIds) ids.push(...event.ids);
        yield line({ thinking: event.text });
        break;
      case 'toolCallStart':
        call = { ...event, text: '' };
        break;
      case 'toolCallArguments':
        if (call !== null) call.text += event.text;
        break;
      case 'end':
        yield line({
          end: {
            ...endOf(event, { loadMs, totalMs: loadMs + performance.now() - startMs }),
            ...(saysIds && { context: ids }),
          },
        });
        break;
      default:
        break;
    }
  }
}

/** Arguments of a call; those that the limit cut are as good as none. */
function whole(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function endOf(
  { finishReason, usage, timings }: EndEvent,
  { loadMs, totalMs }: { readonly loadMs: number; readonly totalMs: number },
): AnswerEnd {
  const nanoseconds = (ms: number): number => Math.round(ms * 1e6);
  return {
    done_reason: finishReason === 'length' ? 'length' : 'stop',
    total_duration: nanoseconds(totalMs),
    load_duration: nanoseconds(loadMs),
    prompt_eval_count: usage.promptTokens,
    prompt_eval_duration: nanoseconds(timings.prefillMs),
    eval_count: usage.completionTokens,
    eval_duration: nanoseconds(timings.decodeMs),
  };
}

function logprobOf(tokenizer: Tokenizer, { id, logprob, top }: TokenLogprobs) {
  const entry = (token: { readonly id: number; readonly logprob: number }) => {
    const bytes = tokenizer.bytesOf(token.id);
    return {
      token: new TextDecoder().decode(bytes),
      logprob: Math.max(token.logprob, -9999),
      bytes: [...bytes],
    };
  };
  return { ...entry({ id, logprob }), ...(top.length > 0 && { top_logprobs: top.map(entry) }) };
}

/** What the lines of an answer add up to. */
export async function wholeLine(lines: AsyncIterable<AnswerLine>): Promise<AnswerLine> {
  let last: AnswerLine | undefined;
  let text = '';
  let thinking = '';
  const calls: AnswerCall[] = [];
  const logprobs: unknown[] = [];
  let hasLogprobs = false;
  for await (const line of lines) {
    last = line;
    text += line.text;
    thinking += line.thinking;
    calls.push(...line.calls);
    if (line.logprobs === null) continue;
    hasLogprobs = true;
    logprobs.push(...line.logprobs);
  }
  if (last === undefined) throw new Error('the answer never ended');
  return { ...last, text, thinking, calls, logprobs: hasLogprobs ? logprobs : null };
}

/** A line as `/api/generate` writes it. */
export function generateJson({ model, created_at, text, thinking, logprobs, end }: AnswerLine): object {
  const thought = thinking !== '' && { thinking };
  return {
    model,
    created_at,
    response: text,
    ...thought,
    done: end !== null,
    ...(logprobs && { logprobs }),
    ...end,
  };
}

/** A line as `/api/chat` writes it. */
export function chatJson({ model, created_at, text, thinking, calls, logprobs, end }: AnswerLine): object {
  const message = {
    role: 'assistant',
    content: text,
    ...(thinking !== '' && { thinking }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
  return { model, created_at, message, done: end !== null, ...(logprobs && { logprobs }), ...end };
}
