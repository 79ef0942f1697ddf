/** What a model wrote, as a whole message. */
import { type CallableTool, isObject, type ReadCall } from './call.js';
import { HarmonyReader } from './harmony.js';
import { MarkedReader } from './reader.js';
import type { AnswerEvent, AnswerOptions, AnswerReader } from './types.js';

/** The reader for what the model of a template writes. */
export function answerReader(options: AnswerOptions): AnswerReader {
  return options.template?.includes('<|channel|>') ? new HarmonyReader(options) : new MarkedReader(options);
}

export interface Answer {
  readonly content: string;
  readonly reasoning: string;
  readonly tool_calls: readonly ReadCall[];
}

/** Reads a request of `template parse`: `output`, and what else of it is there. */
export function readAnswer(request: Readonly<Record<string, unknown>>, template: string): Answer {
  const { output, prompt_end: promptEnd, tools, parallel_tool_calls: parallel, partial, reasoning } = request;
  if (typeof output !== 'string') throw new TypeError('"output" has to be a text');
  const reader = answerReader({
    template,
    promptEnd: typeof promptEnd === 'string' ? promptEnd : endOf(output),
    tools: Array.isArray(tools) ? tools.map(toolOf) : [],
    parallel: parallel !== false,
    reasoning: reasoning === 'content' ? 'content' : 'split',
  });
  const events = [...reader.push(output), ...(partial === true ? [] : reader.end())];
  const textOf = (type: 'text' | 'reasoning'): string =>
    events.map((event) => (event.type === type ? event.text : '')).join('');
  return {
    content: textOf('text'),
    reasoning: textOf('reasoning'),
    tool_calls: callsOf(events),
  };
}

/** The calls of an answer, as far as they have come. */
export function callsOf(events: readonly AnswerEvent[]): readonly ReadCall[] {
  const calls: { name: string; id?: string; arguments: string }[] = [];
  for (const event of events) {
    if (event.type === 'callStart') {
      const { name, id } = event;
      calls.push({ name, arguments: '', ...(id !== undefined && { id }) });
    } else if (event.type === 'callArguments') calls.at(-1)!.arguments += event.text;
  }
  return calls;
}

/** Nobody said how the prompt ended: a thought that is closed and was never opened was opened there. */
function endOf(output: string): string {
  for (const [open, close] of [
    ['<think>', '</think>'],
    ['[THINK]', '[/THINK]'],
    ['<seed:think>', '</seed:think>'],
  ] as const) {
    const end = output.indexOf(close);
    if (end >= 0 && !output.slice(0, end).includes(open)) return open;
  }
  return '';
}

function toolOf(tool: unknown): CallableTool {
  const inner = isObject(tool) && isObject(tool.function) ? tool.function : tool;
  if (!isObject(inner) || typeof inner.name !== 'string') throw new TypeError('each of "tools" needs a name');
  return { name: inner.name, parameters: isObject(inner.parameters) ? inner.parameters : undefined };
}
