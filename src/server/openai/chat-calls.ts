/** Calls in the form of the chat API: of functions, of custom tools, and of the time before, `function_call`. */
import type { CompletionEvent, CompletionFinish, ToolCall } from '../road/completion.js';
import { customInput } from '../road/custom.js';
import type { ChatTools } from './chat-tools.js';
import { finishName } from './shared.js';

type CallEvent = Extract<CompletionEvent, { readonly type: 'toolCallStart' | 'toolCallArguments' }>;

interface CustomCall {
  readonly index: number;
  arguments: string;
}

/** The deltas of calls, of several choices side by side. */
export class ChoiceCalls {
  private readonly tools: ChatTools;
  /** Calls of custom tools that are being written, by choice: their text is known when their arguments are whole. */
  private readonly open = new Map<number, CustomCall>();

  constructor(tools: ChatTools) {
    this.tools = tools;
  }

  deltas(choice: number, event: CallEvent): object[] {
    if (event.type === 'toolCallArguments') {
      const custom = this.open.get(choice);
      if (custom !== undefined) {
        custom.arguments += event.text;
        return [];
      }
      if (this.tools.isLegacy) return [{ function_call: { arguments: event.text } }];
      return [{ tool_calls: [{ index: event.index, function: { arguments: event.text } }] }];
    }
    const { id, index, name } = event;
    const before = this.end(choice);
    if (this.tools.isLegacy) return [...before, { function_call: { name, arguments: '' } }];
    if (!this.tools.custom.has(name)) {
      const item = { index, id, type: 'function', function: { name, arguments: '' } };
      return [...before, { tool_calls: [item] }];
    }
    this.open.set(choice, { index, arguments: '' });
    return [...before, { tool_calls: [{ index, id, type: 'custom', custom: { name, input: '' } }] }];
  }

  /** The text of the custom tool that is being written. */
  end(choice: number): object[] {
    const custom = this.open.get(choice);
    if (custom === undefined) return [];
    this.open.delete(choice);
    return [{ tool_calls: [{ index: custom.index, custom: { input: customInput(custom.arguments) } }] }];
  }
}

/** What a whole message says of its calls. */
export function messageCalls(tools: ChatTools, calls: readonly ToolCall[]): object {
  const [first] = calls;
  if (first === undefined) return {};
  if (tools.isLegacy) return { function_call: { name: first.name, arguments: first.arguments } };
  return {
    tool_calls: calls.map(({ id, name, arguments: text }) =>
      tools.custom.has(name)
        ? { id, type: 'custom', custom: { name, input: customInput(text) } }
        : { id, type: 'function', function: { name, arguments: text } },
    ),
  };
}

export function callFinish({ isLegacy }: ChatTools, reason: CompletionFinish): string {
  return isLegacy && reason === 'tool_calls' ? 'function_call' : finishName(reason);
}
