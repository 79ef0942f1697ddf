/** Finds thoughts and calls of functions in a model's answer, piece by piece. */
import { answerReader } from '../../formats/answer/answer.js';
import { knownMarks } from '../../formats/answer/reader.js';
import type { AnswerEvent, AnswerReader } from '../../formats/answer/types.js';
import { plain, sliced, type Text } from '../../formats/jinja/text.js';
import type { GenerateOptions, Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import { newId } from '../responses/ids.js';
import { callFrame } from './call-frame.js';
import type { CompletionEvent, CompletionPrompt, Reasoning, Tool } from './completion.js';
import { type CallFrame, callableTools, mustCall, plainFrame, templateOf, toolGrammar } from './tools.js';

type TextEvent = Extract<CompletionEvent, { readonly type: 'text' }>;
export type ParsedEvent = Extract<
  CompletionEvent,
  { readonly type: 'text' | 'reasoning' | 'toolCallStart' | 'toolCallArguments' }
>;

/** What the answer to a conversation needs. */
export interface Calling {
  readonly parser: ToolParser;
  /** Where the answer must be a call. */
  readonly options: Pick<GenerateOptions, 'grammar'>;
}

/** The last characters of a prompt that can open a thought. */
const promptEndLength = 64;

/** Null where an answer is nothing but text: without messages, or with neither a template nor functions to call. */
export function callingOf(
  tokenizer: Tokenizer,
  prompt: CompletionPrompt,
  promptText: Text | null,
  reasoning: Reasoning = 'split',
): Calling | null {
  if (prompt.kind !== 'messages') return null;
  const tools = callableTools(prompt);
  if (tools.length === 0 && tokenizer.chatTemplate === null) return null;
  const isForced = tools.length > 0 && mustCall(prompt);
  const frame = isForced ? (callFrame(tokenizer, prompt) ?? plainFrame) : null;
  const end = promptText === null ? '' : sliced(promptText, plain(promptText).length - promptEndLength);
  return {
    parser: new ToolParser({
      template: templateOf(tokenizer, prompt),
      // What a user said opens no thought.
      promptEnd: ownEnd(end),
      tools,
      parallel: prompt.parallelToolCalls ?? true,
      forced: frame,
      reasoning: prompt.reasoning ?? reasoning,
      tokenizer,
    }),
    options: frame === null ? {} : { grammar: toolGrammar(tools, frame) },
  };
}

/** What of a text's end the template wrote. */
function ownEnd(text: Text): string {
  if (typeof text === 'string') return text;
  const { runs } = text;
  return runs === null || runs.length % 2 === 0 ? '' : text.text.slice(text.length - runs.at(-1)!);
}

export interface ToolParserOptions {
  readonly template: string | null;
  readonly promptEnd?: string;
  readonly tools: readonly Tool[];
  /** False passes on the first call and nothing after it. */
  readonly parallel: boolean;
  /** How a call that has to be is written: one that the limit cuts is still a call. */
  readonly forced?: CallFrame | null;
  readonly reasoning?: Reasoning;
  /** Knows the texts of control tokens, which have none in an answer. */
  readonly tokenizer?: Pick<Tokenizer, 'bytesOf' | 'textOf' | 'decode'>;
  readonly newId?: () => string;
}

export class ToolParser {
  private readonly options: ToolParserOptions;
  private readonly reader: AnswerReader;
  private readonly newId: () => string;
  private ids: number[] = [];
  private logprobs: TokenLogprobs[] = [];
  private all = '';
  private count = 0;
  private thought = 0;

  constructor(options: ToolParserOptions) {
    this.options = options;
    this.newId = options.newId ?? (() => newId('call'));
    // A call in no form of the model's is JSON from its first letter on, whatever the prompt opened.
    const { promptEnd, forced, ...rest } = options;
    const isPlain = forced === plainFrame;
    this.reader = answerReader({ ...rest, ...(promptEnd !== undefined && !isPlain && { promptEnd }) });
  }

  /** Calls passed on so far. */
  get calls(): number {
    return this.count;
  }

  /** Tokens of thoughts passed on so far. */
  get reasoningTokens(): number {
    return this.thought;
  }

  push({ text, ids, logprobs }: Pick<TextEvent, 'text' | 'ids' | 'logprobs'>): ParsedEvent[] {
    this.ids.push(...ids);
    if (logprobs) this.logprobs.push(...logprobs);
    const written = this.withMarks(text, ids);
    if (this.options.forced) this.all += written;
    return this.eventsOf(this.reader.push(written));
  }

  /** What is left when the answer is over. */
  end(): ParsedEvent[] {
    const rest = this.reader.end();
    const { forced } = this.options;
    const isCut = forced && this.count === 0 && !rest.some(({ type }) => type === 'callStart');
    const events = isCut ? this.cutCall(forced) : this.eventsOf(rest);
    const { ids, logprobs } = this;
    if (ids.length > 0 && this.count === 0) {
      events.push({ type: 'text', text: '', ids, ...(logprobs.length > 0 && { logprobs }) });
    }
    return events;
  }

  /** The text of tokens with the marks among them that have none. */
  private withMarks(text: string, ids: readonly number[]): string {
    const { tokenizer } = this.options;
    const markOf = (id: number): string => (tokenizer?.bytesOf(id).length === 0 ? tokenizer.textOf(id) : '');
    const marks = ids.map(markOf).filter((mark) => knownMarks.has(mark));
    if (marks.length === 0) return text;
    // Tokens come one by one but for predictions; then a mark stands at its own place between the others.
    const at = ids.findIndex((id) => knownMarks.has(markOf(id)));
    const before = at === 0 ? '' : tokenizer!.decode(ids.slice(0, at), { continues: true });
    const length = text.startsWith(before) ? before.length : text.length;
    return text.slice(0, length) + marks.join('') + text.slice(length);
  }

  private eventsOf(events: readonly AnswerEvent[]): ParsedEvent[] {
    return events.flatMap((event): ParsedEvent[] => {
      if (event.type === 'callStart') {
        this.drop();
        return [{ type: 'toolCallStart', index: this.count++, id: this.newId(), name: event.name }];
      }
      if (event.type === 'callArguments') {
        this.drop();
        return [{ type: 'toolCallArguments', index: this.count - 1, text: event.text }];
      }
      const { ids, logprobs } = this;
      this.drop();
      if (event.type === 'reasoning') {
        this.thought += ids.length;
        return [{ type: 'reasoning', text: event.text, ids }];
      }
      return [{ type: 'text', text: event.text, ids, ...(logprobs.length > 0 && { logprobs }) }];
    });
  }

  /** A call that had to be one, as far as it got. */
  private cutCall({ before }: CallFrame): ParsedEvent[] {
    const match = /"name"\s*:\s*"([^"]+)"(?:\s*,\s*"arguments"\s*:\s*([\s\S]*))?/.exec(this.all);
    const tool = this.options.tools.find(({ name }) => this.all.startsWith(before(name)));
    const [name, text] =
      tool === undefined ? [match?.[1], match?.[2]] : [tool.name, this.all.slice(before(tool.name).length)];
    if (name === undefined) return [];
    return this.eventsOf([
      { type: 'callStart', name },
      { type: 'callArguments', text: text ?? '' },
    ]);
  }

  private drop(): void {
    this.ids = [];
    this.logprobs = [];
  }
}
