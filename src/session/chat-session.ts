/** A conversation with a model in this process, with functions that it calls: their results go back until it answers. */
import { messageOf, OptionError, WaferflowError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { Text } from '../formats/jinja/text.js';
import type { Engine, GenerateOptions, GenerateTimings } from '../runtime/types.js';
import type { Message, Tool, ToolCall, ToolChoice } from '../server/road/completion.js';
import { answer, type Conversation, promptText, type TurnEvent } from './turn.js';

export type { Message, ToolCall } from '../server/road/completion.js';

/** A function that the model may call. */
export interface SessionTool extends Tool {
  /**
   * Does the call and returns its result: a text, or a value that is written as JSON. What it throws goes to the model
   * as the result, so that it can try again.
   */
  run(args: unknown, call: { readonly id: string; readonly signal?: AbortSignal }): unknown;
}

export interface SessionOptions {
  /** Instructions, in front of all messages. */
  readonly system?: string;
  /** What was said before; the system message may be the first. */
  readonly messages?: readonly Message[];
  readonly tools?: readonly SessionTool[];
  /** How every answer is made; those of one `send` go before them. */
  readonly options?: GenerateOptions;
  /** Further variables of the chat template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** Answers in a row that may call functions, before `send` ends with an error; default 8. */
  readonly maxRounds?: number;
}

export type SessionEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reasoning'; readonly text: string }
  | { readonly type: 'call'; readonly call: ToolCall }
  | { readonly type: 'result'; readonly call: ToolCall; readonly content: string; readonly isError: boolean }
  | {
      readonly type: 'end';
      /** All that was said after the last call. */
      readonly text: string;
      readonly finishReason: Extract<TurnEvent, { readonly type: 'end' }>['finishReason'];
      readonly timings: GenerateTimings;
    };

export class ChatSession {
  /** What was said so far; may be changed between turns. */
  messages: Message[];
  private readonly engine: Engine;
  private readonly given: SessionOptions;

  constructor(engine: Engine, options: SessionOptions = {}) {
    const { system, messages = [], tools = [] } = options;
    const names = tools.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      throw new OptionError({
        what: 'option tools',
        given: `two functions called ${twice}`,
        expected: 'one of each name',
        todo: 'Rename one of them.',
      });
    }
    this.engine = engine;
    this.given = options;
    this.messages = [...messages];
    if (system !== undefined) this.system = system;
  }

  get system(): string | null {
    const [first] = this.messages;
    return first?.role === 'system' ? first.content : null;
  }

  /** Instructions, from the next answer on; '' or null takes them away. */
  set system(text: string | null) {
    const rest = this.messages.filter(({ role }) => role !== 'system');
    this.messages = text ? [{ role: 'system', content: text }, ...rest] : rest;
  }

  /**
   * Says something and streams what comes back, calls and their results included. Where it fails or is left before its
   * end, the conversation is as it was before.
   * @throws OptionError on what the template refuses, EngineError where the model calls more than `maxRounds` times
   */
  async *send(
    text: string,
    options: GenerateOptions & { readonly toolChoice?: ToolChoice } = {},
  ): AsyncGenerator<SessionEvent, void, void> {
    const before = this.messages;
    this.messages = [...before, { role: 'user', content: text }];
    let isWhole = false;
    try {
      yield* this.rounds(options);
      isWhole = true;
    } finally {
      if (!isWhole) this.messages = before;
    }
  }

  /** Says something and returns the whole answer. @throws as `send` does */
  async ask(
    text: string,
    options: GenerateOptions & { readonly toolChoice?: ToolChoice } = {},
  ): Promise<string> {
    let whole = '';
    for await (const event of this.send(text, options)) if (event.type === 'end') whole = event.text;
    return whole;
  }

  /** What the model reads of a conversation of these messages. */
  protected textOf(messages: readonly Message[]): Text {
    return promptText(this.engine.tokenizer, this.told(messages));
  }

  private told(messages: readonly Message[]): Conversation {
    const { tools = [], variables } = this.given;
    return { messages, ...(tools.length > 0 && { tools }), ...(variables && { variables }) };
  }

  private async *rounds({
    toolChoice = 'auto',
    ...options
  }: GenerateOptions & { readonly toolChoice?: ToolChoice }): AsyncGenerator<SessionEvent, void, void> {
    const { maxRounds = 8 } = this.given;
    for (let round = 0; round < maxRounds; round++) {
      const turn = { content: '', reasoning: '', calls: [] as ToolCall[] };
      // What was asked for holds for the first answer: else it would call for ever.
      const told = { ...this.told(this.messages), toolChoice: round === 0 ? toolChoice : ('auto' as const) };
      for await (const event of answer(this.engine, told, { ...this.given.options, ...options })) {
        if (event.type === 'end') {
          const { content, reasoning, calls } = turn;
          for (const call of calls) yield { type: 'call', call };
          this.messages.push({
            role: 'assistant',
            content,
            ...(reasoning !== '' && { reasoning }),
            ...(calls.length > 0 && { toolCalls: calls }),
          });
          if (calls.length === 0 || event.finishReason === 'cancelled') {
            const { finishReason, timings } = event;
            yield { type: 'end', text: content, finishReason, timings };
            return;
          }
        } else yield* heard(turn, event);
      }
      for (const call of turn.calls) {
        const { content, isError } = await this.result(call, options.signal);
        this.messages.push({ role: 'tool', content, toolCallId: call.id });
        yield { type: 'result', call, content, isError };
      }
    }
    throw new OptionError({
      what: 'option maxRounds',
      given: `${maxRounds} answers in a row that call functions`,
      expected: 'an answer without a call',
      todo: 'Raise maxRounds, or say in the instructions when to stop.',
    });
  }

  private async result(
    call: ToolCall,
    signal: AbortSignal | undefined,
  ): Promise<{ content: string; isError: boolean }> {
    const tool = this.given.tools?.find(({ name }) => name === call.name);
    try {
      if (tool === undefined) throw new Error(`there is no function ${call.name}`);
      const args =
        call.arguments.trim() === '' ? {} : parseJson(call.arguments, `the arguments of ${call.name}`);
      const value = await tool.run(args, { id: call.id, ...(signal && { signal }) });
      return {
        content: typeof value === 'string' ? value : JSON.stringify(value ?? null),
        isError: false,
      };
    } catch (thrown) {
      const text = thrown instanceof WaferflowError ? thrown.message : messageOf(thrown);
      return { content: `Error: ${text}`, isError: true };
    }
  }
}

/** Adds to an answer what came; text and thoughts are passed on. */
function* heard(
  turn: { content: string; reasoning: string; calls: ToolCall[] },
  event: Exclude<TurnEvent, { readonly type: 'end' }>,
): Generator<SessionEvent, void, void> {
  switch (event.type) {
    case 'text':
      turn.content += event.text;
      if (event.text !== '') yield { type: 'text', text: event.text };
      return;
    case 'reasoning':
      turn.reasoning += event.text;
      yield { type: 'reasoning', text: event.text };
      return;
    case 'toolCallStart':
      turn.calls.push({ id: event.id, name: event.name, arguments: '' });
      return;
    case 'toolCallArguments': {
      const last = turn.calls.at(-1);
      if (last) turn.calls[turn.calls.length - 1] = { ...last, arguments: last.arguments + event.text };
      return;
    }
    default:
      return event satisfies never;
  }
}
