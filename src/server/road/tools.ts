/**
 * Functions that a model may call: how its template is told of them, and which text is a call. A template that knows
 * the variable `tools` speaks for its model; any other model gets a plain description and JSON to answer with.
 */
import type { ChatMessage, ChatTool, Tokenizer } from '../../formats/tokenizer-types.js';
import type { Grammar } from '../../runtime/types.js';
import type { CompletionPrompt, Message, Tool } from './completion.js';

export type MessagesPrompt = Extract<CompletionPrompt, { readonly kind: 'messages' }>;

/** A mark of Mistral's templates. */
const mistralMark = '[TOOL_CALLS]';

/** The tools that may be called; none with the choice `none`. */
export function callableTools({ tools = [], toolChoice = 'auto' }: MessagesPrompt): readonly Tool[] {
  if (toolChoice === 'none') return [];
  return typeof toolChoice === 'string' ? tools : tools.filter(({ name }) => name === toolChoice.name);
}

/** Whether the answer has to be a call. */
export function mustCall({ tools = [], toolChoice = 'auto' }: MessagesPrompt): boolean {
  return tools.length > 0 && toolChoice !== 'auto' && toolChoice !== 'none';
}

/** The chat template of a conversation; null where there is none. */
export function templateOf(
  { chatTemplate, toolTemplate }: Pick<Tokenizer, 'chatTemplate' | 'toolTemplate'>,
  prompt: MessagesPrompt,
): string | null {
  return callableTools(prompt).length > 0 ? toolTemplate : chatTemplate;
}

export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** What to give to the chat template; `null` is the plain transcript of a model without one. */
export function messagesForTemplate(template: string | null, prompt: MessagesPrompt): TemplateInput {
  const tools = callableTools(prompt);
  const { variables } = prompt;
  if (template === null) {
    const messages = prompt.messages.map((message) => plainMessage(message, false));
    // Merged last: what a later system message adds stands after the functions, so the text before stays as it was.
    return { messages: mergeTurns(withDescription(messages, tools)), ...(variables && { variables }) };
  }
  const knows = (word: RegExp): boolean => word.test(template);
  const names = new Map<string, string>();
  for (const { id, name } of prompt.messages.flatMap(({ toolCalls = [] }) => toolCalls))
    if (!names.has(id)) names.set(id, name);
  const knowsTools = knows(/\btools\b/);
  const knowsResults = knows(/["']tool["']/);
  const messages = prompt.messages.map((message) =>
    knowsTools || knows(/\btool_calls\b/)
      ? templateMessage(message, template, names)
      : plainMessage(message, knowsResults),
  );
  if (knowsTools) {
    const given = tools.length > 0 && { tools: tools.map(templateTool) };
    return { messages, ...(variables && { variables }), ...given };
  }
  // Firefunction's names for them.
  if (knows(/\bfunctions\b/) && knows(/\bdatetime\b/)) {
    const spec = tools.length === 0 ? '' : JSON.stringify(tools.map((tool) => templateTool(tool).function));
    return { messages, variables: { functions: spec, datetime: now(), ...variables } };
  }
  return { messages: withDescription(messages, tools), ...(variables && { variables }) };
}

/** Such as `Dec 01 2026 09:15:00 GMT`. */
function now(): string {
  return new Date().toUTCString().replace(/^\w+, (\d+) (\w+)/, '$2 $1');
}

function templateTool({ name, description = '', parameters }: Tool): ChatTool {
  const none = { type: 'object', properties: {} };
  return { type: 'function', function: { name, description, parameters: parameters ?? none } };
}

/** What the arguments of a call may be; a function without parameters takes none. */
function argumentsSchema({ parameters }: Tool): unknown {
  const says = parameters !== undefined && Object.keys(parameters).length > 0;
  return says ? parameters : { type: 'object', properties: {}, additionalProperties: false };
}

/** @param names of the functions that were called, by the calls' ids */
function templateMessage(
  message: Message,
  template: string,
  names: ReadonlyMap<string, string>,
): ChatMessage {
  const { role, content, toolCalls, toolCallId } = message;
  const idFor = (id: string): string => (template.includes(mistralMark) ? mistralId(id) : id);
  const name = toolCallId === undefined ? undefined : names.get(toolCallId);
  return {
    role,
    content,
    ...(message.reasoning && { reasoning_content: message.reasoning }),
    ...(toolCalls && {
      tool_calls: toolCalls.map(({ id, name, arguments: text }) => ({
        id: idFor(id),
        type: 'function' as const,
        // As it was written: the template's reader keeps `1.0` and whole numbers of any size.
        function: { name, arguments: text },
      })),
    }),
    ...(toolCallId !== undefined && { tool_call_id: idFor(toolCallId) }),
    ...(name !== undefined && { name }),
  };
}

/** Mistral's templates insist on nine letters and digits. */
function mistralId(id: string): string {
  return id
    .replace(/[^A-Za-z0-9]/g, '')
    .slice(-9)
    .padStart(9, '0');
}

/** A turn for a template that knows no calls. */
function plainMessage(
  { role, content, toolCalls = [], toolCallId, reasoning }: Message,
  knowsResults: boolean,
): ChatMessage {
  if (role === 'tool' && !knowsResults)
    return { role: 'user', content: `Result of the call ${toolCallId ?? ''}: ${content}` };
  const calls = toolCalls.map(({ name, arguments: text }) =>
    JSON.stringify({ name, arguments: parsed(text) ?? text }),
  );
  const whole = [content, ...calls].filter((part) => part !== '').join('\n');
  return { role, content: whole, ...(reasoning && { reasoning_content: reasoning }) };
}

/** Turns of one role in a row become one, since templates insist on alternation. */
function mergeTurns(messages: readonly ChatMessage[]): ChatMessage[] {
  const merged: ChatMessage[] = [];
  for (const message of messages) {
    const last = merged.at(-1);
    if (last?.role !== message.role) merged.push(message);
    else merged[merged.length - 1] = { ...last, content: `${last.content}\n${message.content}` };
  }
  return merged;
}

function withDescription(messages: readonly ChatMessage[], tools: readonly Tool[]): readonly ChatMessage[] {
  if (tools.length === 0) return messages;
  const lines = tools.map((tool) => JSON.stringify(templateTool(tool).function));
  const description = [
    'You can call these functions:',
    ...lines,
    'To call one, answer with nothing but {"name": "...", "arguments": {...}}.',
  ].join('\n');
  const [first, ...rest] = messages;
  if (first?.role !== 'system') return [{ role: 'system', content: description }, ...messages];
  return [{ role: 'system', content: `${first.content}\n\n${description}` }, ...rest];
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** How a model's own template writes a call around its arguments. */
export interface CallFrame {
  before(name: string): string;
  readonly after: string;
}

/** Of models whose form is not known; every form is read from it. */
export const plainFrame: CallFrame = {
  before: (name) => `{"name": ${JSON.stringify(name)}, "arguments": `,
  after: '}',
};

/** The language of one call, for answers that must be one. */
export function toolGrammar(tools: readonly Tool[], { before, after }: CallFrame = plainFrame): Grammar {
  return {
    type: 'framed',
    ways: tools.map((tool) => ({
      before: before(tool.name),
      schema: JSON.stringify(argumentsSchema(tool)),
      after,
    })),
  };
}
