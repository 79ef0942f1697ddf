/**
 * Finds calls of functions in a model's answer, piece by piece. A call is passed on when it is whole and valid, since
 * only then it is certain to be one: what looks like a call and is none stays text. So the result does not depend on
 * how the answer was cut into pieces.
 */
import type { GenerateOptions, TokenLogprobs } from '../../runtime/types.js';
import { newId } from '../responses/ids.js';
import type { CompletionEvent, CompletionPrompt, Tool } from './completion.js';
import { callableTools, mustCall, type ToolForm, toolForm, toolGrammar } from './tools.js';

type TextEvent = Extract<CompletionEvent, { readonly type: 'text' }>;
export type ParsedEvent = Extract<
  CompletionEvent,
  { readonly type: 'text' | 'toolCallStart' | 'toolCallArguments' }
>;

/** What a request that may call functions needs. */
export interface Calling {
  readonly parser: ToolParser;
  /** Where the answer must be a call. */
  readonly options: Pick<GenerateOptions, 'grammar'>;
}

/** Null without functions to call. */
export function callingOf(template: string | null, prompt: CompletionPrompt): Calling | null {
  if (prompt.kind !== 'messages') return null;
  const tools = callableTools(prompt);
  if (tools.length === 0) return null;
  const parallel = prompt.parallelToolCalls ?? true;
  return {
    parser: new ToolParser({ form: toolForm(template), tools, parallel }),
    options: mustCall(prompt) ? { grammar: toolGrammar(tools) } : {},
  };
}

export interface ToolParserOptions {
  readonly form: ToolForm;
  readonly tools: readonly Tool[];
  /** False passes on the first call and nothing after it. */
  readonly parallel: boolean;
  readonly newId?: () => string;
}

/** What a call in JSON begins with, without spaces; a list of calls has a bracket in front. */
const BEGINNINGS = ['name', 'type', 'function', 'arguments', 'parameters', 'id'].map((key) => `{"${key}"`);

interface Call {
  readonly name: string;
  readonly arguments: string;
}

export class ToolParser {
  private readonly options: ToolParserOptions;
  private readonly newId: () => string;
  /** Received and not passed on: a mark that may be one, white space, or a call that is not whole. */
  private held = '';
  private ids: number[] = [];
  private logprobs: TokenLogprobs[] = [];
  private state: 'start' | 'text' | 'call' | 'afterCall' = 'start';
  /** In a call: how much of `held` the mark is. */
  private markLength = 0;
  private readonly scanner = new JsonScanner();
  private count = 0;

  constructor(options: ToolParserOptions) {
    this.options = options;
    this.newId = options.newId ?? (() => newId('call'));
  }

  /** Calls passed on so far. */
  get calls(): number {
    return this.count;
  }

  push({ text, ids, logprobs }: Pick<TextEvent, 'text' | 'ids' | 'logprobs'>): ParsedEvent[] {
    this.held += text;
    this.ids.push(...ids);
    if (logprobs) this.logprobs.push(...logprobs);
    return this.run(false);
  }

  /** What is left when the answer is over. */
  end(): ParsedEvent[] {
    const events = this.run(true);
    const { ids, logprobs } = this;
    if (ids.length > 0 && this.count === 0) {
      events.push({ type: 'text', text: '', ids, ...(logprobs.length > 0 && { logprobs }) });
    }
    return events;
  }

  private run(isEnd: boolean): ParsedEvent[] {
    const events: ParsedEvent[] = [];
    while (this.step(isEnd, events));
    return events;
  }

  /** Takes one step; false when more text is needed. */
  private step(isEnd: boolean, events: ParsedEvent[]): boolean {
    switch (this.state) {
      case 'start':
      case 'afterCall':
        return this.beginning(isEnd, events);
      case 'text':
        return this.text(isEnd, events);
      case 'call':
        return this.call(isEnd, events);
    }
  }

  /** Where a call without a mark may stand. White space there is no text of its own. */
  private beginning(isEnd: boolean, events: ParsedEvent[]): boolean {
    const { open, close } = this.options.form;
    const rest = this.held.trimStart();
    const isAfter = this.state === 'afterCall';
    if (isAfter && close !== null && rest.startsWith(close)) {
      this.held = rest.slice(close.length);
      return true;
    }
    // Llama separates calls with semicolons.
    if (isAfter && rest.startsWith(';')) {
      this.held = rest.slice(1);
      return true;
    }
    if (rest === '') {
      if (isEnd && !isAfter) this.emit(this.held.length, events);
      return false;
    }
    const marks = [open, isAfter ? close : null].filter((mark) => mark !== null);
    if (!isEnd && marks.some((mark) => mark !== rest && mark.startsWith(rest))) return false;
    if (open !== null && rest.startsWith(open)) {
      this.enterCall(this.held.length - rest.length + open.length);
    } else if (mayBeCall(rest)) {
      this.enterCall(0);
    } else {
      this.state = 'text';
    }
    return true;
  }

  private text(isEnd: boolean, events: ParsedEvent[]): boolean {
    const { open } = this.options.form;
    const at = open === null ? -1 : this.held.indexOf(open);
    if (at >= 0) {
      this.emit(at, events);
      this.enterCall(open!.length);
      return true;
    }
    const kept = isEnd || open === null ? 0 : heldBack(this.held, open);
    this.emit(this.held.length - kept, events);
    return false;
  }

  private enterCall(markLength: number): void {
    this.state = 'call';
    this.markLength = markLength;
    this.scanner.reset(markLength);
  }

  private call(isEnd: boolean, events: ParsedEvent[]): boolean {
    const mayBe = mayBeCall(this.held.slice(this.markLength));
    const end = mayBe ? this.scanner.end(this.held) : null;
    if (mayBe && end === null && !isEnd) return false;
    const calls = end === null ? null : this.read(this.held.slice(this.markLength, end));
    if (calls === null) {
      // The mark alone is text now; there may be another one behind it.
      this.state = 'text';
      this.emit(Math.max(1, this.markLength), events);
      return true;
    }
    this.held = this.held.slice(end!);
    this.drop();
    for (const { name, arguments: text } of calls) {
      if (!this.options.parallel && this.count > 0) break;
      const index = this.count++;
      events.push({ type: 'toolCallStart', index, id: this.newId(), name });
      events.push({ type: 'toolCallArguments', index, text });
    }
    this.state = 'afterCall';
    return true;
  }

  /** The calls that a JSON text stands for, or null. */
  private read(text: string): readonly Call[] | null {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return null;
    }
    const items: readonly unknown[] = Array.isArray(value) ? value : [value];
    const calls = items.map((item) => this.callOf(item)).filter((call) => call !== null);
    return calls.length === items.length && calls.length > 0 ? calls : null;
  }

  private callOf(value: unknown): Call | null {
    if (!isObject(value)) return null;
    const inner = isObject(value.function) ? value.function : value;
    const { name } = inner;
    if (typeof name !== 'string' || !this.options.tools.some((tool) => tool.name === name)) return null;
    let given = inner.arguments ?? inner.parameters ?? {};
    if (typeof given === 'string') {
      try {
        given = JSON.parse(given);
      } catch {
        return null;
      }
    }
    return isObject(given) ? { name, arguments: JSON.stringify(given) } : null;
  }

  /** Passes on the first characters held, as text with the tokens received so far. */
  private emit(length: number, events: ParsedEvent[]): void {
    const text = this.held.slice(0, length);
    this.held = this.held.slice(length);
    if (!this.options.parallel && this.count > 0) return;
    if (text === '') return;
    const { ids, logprobs } = this;
    this.drop();
    events.push({ type: 'text', text, ids, ...(logprobs.length > 0 && { logprobs }) });
  }

  private drop(): void {
    this.ids = [];
    this.logprobs = [];
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a text, as far as it goes, begins like a call. */
function mayBeCall(text: string): boolean {
  const dense = text.slice(0, 256).replace(/\s+/g, '').replace(/^\[/, '');
  return BEGINNINGS.some((beginning) => beginning.startsWith(dense) || dense.startsWith(beginning));
}

/** The length of the longest end of `text` that `mark` begins with. */
function heldBack(text: string, mark: string): number {
  for (let length = Math.min(text.length, mark.length - 1); length > 0; length--) {
    if (mark.startsWith(text.slice(-length))) return length;
  }
  return 0;
}

/** Finds the end of a JSON object or list; looks at every character once. */
class JsonScanner {
  private at = 0;
  private depth = 0;
  private inString: boolean = false;

  reset(at: number): void {
    this.at = at;
    this.depth = 0;
    this.inString = false;
  }

  /** The index behind the value, or null while it is open. */
  end(text: string): number | null {
    while (this.at < text.length) {
      const char = text[this.at]!;
      if (this.inString) {
        if (char === '\\') {
          // The escaped character may be still to come.
          if (this.at + 1 >= text.length) return null;
          this.at++;
        } else if (char === '"') {
          this.inString = false;
        }
      } else if (char === '"') {
        this.inString = true;
      } else if (char === '{' || char === '[') {
        this.depth++;
      } else if (char === '}' || char === ']') {
        this.depth--;
        if (this.depth <= 0) return ++this.at;
      }
      this.at++;
    }
    return null;
  }
}
