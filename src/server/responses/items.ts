/** Items of the Responses API, which clients send, and the messages that a model understands. */

import type { InputItem, OutputItem } from '../../protocol/protocol.js';
import { ApiError, badRequest } from '../errors.js';
import type { Message, ToolCall } from '../road/completion.js';
import { customArguments } from '../road/custom.js';
import { leftOut } from '../road/parts.js';
import type { CreateBody, InputBody } from './body.js';
import { summaryOf } from './compact.js';
import { newId } from './ids.js';
import { thoughtOf } from './thoughts.js';
import { flatName } from './tools.js';

/** Input and output items of a conversation, in order. */
export type Item = InputItem | OutputItem;

/** The request's `input` as items with ids; a plain string is a message of the user. */
export function inputItems(
  input: CreateBody['input'],
  findItem: (id: string) => Item | null = () => null,
): InputItem[] {
  if (input === undefined || input === null) return [];
  const items = typeof input === 'string' ? [userMessage(input)] : input;
  return items.map((item, index) =>
    isReference(item) ? referred(item.id, index, findItem) : normalised(item, index),
  );
}

/** An item that the server made or took before, by its id alone. */
function isReference(item: InputBody): item is InputBody & { readonly id: string } {
  if (typeof item.id !== 'string') return false;
  return item.type === 'item_reference' || (item.type === undefined && item.role === undefined);
}

function referred(id: string, index: number, findItem: (id: string) => Item | null): InputItem {
  const found = findItem(id);
  if (found !== null) return found as InputItem;
  throw new ApiError({
    status: 404,
    type: 'invalid_request_error',
    code: 'item_not_found',
    message:
      `Item with id ${JSON.stringify(id.slice(0, 100))} not found. Items are not kept where \`store\` is false, ` +
      'and the oldest ones go: send the item itself.',
    param: `input[${index}].id`,
  });
}

function userMessage(content: string): InputBody {
  return { type: 'message', role: 'user', content };
}

function normalised(item: InputBody, index: number): InputItem {
  const type = item.type ?? (item.role === undefined ? undefined : 'message');
  if (type === undefined)
    throw badRequest('An input item needs a `type`, or a `role`.', `input[${index}].type`);
  const path = `input[${index}]`;
  switch (type) {
    case 'message':
      if (item.role === undefined) throw badRequest('A message needs a role.', `${path}.role`);
      if (item.content === undefined || item.content === null)
        throw badRequest('A message needs content.', `${path}.content`);
      return complemented(item, {
        id: item.id ?? newId('msg'),
        type,
        status: 'completed',
        content: typeof item.content === 'string' ? [textPart(item.role, item.content)] : item.content,
      });
    case 'function_call':
      if (
        typeof item.call_id !== 'string' ||
        typeof item.name !== 'string' ||
        typeof item.arguments !== 'string'
      )
        throw badRequest('A function call needs `call_id`, `name` and `arguments`.', path);
      return complemented(item, { id: item.id ?? newId('fc'), type, status: 'completed' });
    case 'function_call_output':
      if (typeof item.call_id !== 'string')
        throw badRequest('A function call output needs `call_id`.', `${path}.call_id`);
      if (typeof item.output !== 'string' && !Array.isArray(item.output))
        throw badRequest('The output of a function call is a string or a list of parts.', `${path}.output`);
      if (Array.isArray(item.output) && item.output.some((part) => typeof part !== 'object' || part === null))
        throw badRequest('The parts of an output are objects with a `type`.', `${path}.output`);
      return complemented(item, { id: item.id ?? newId('fco'), type, status: 'completed' });
    case 'custom_tool_call':
      if (typeof item.call_id !== 'string' || typeof item.name !== 'string' || typeof item.input !== 'string')
        throw badRequest('A custom tool call needs `call_id`, `name` and `input`.', path);
      return complemented(item, { id: item.id ?? newId('ctc'), type, status: 'completed' });
    case 'custom_tool_call_output':
      if (typeof item.call_id !== 'string')
        throw badRequest('A custom tool call output needs `call_id`.', `${path}.call_id`);
      return complemented(item, { id: item.id ?? newId('ctco'), type, status: 'completed' });
    default:
      return complemented(item, { id: item.id ?? newId('item'), type });
  }
}

/** As a spread with more behind it, where each property that is new takes Node.js 20 a microsecond. */
function complemented(item: InputBody, more: InputItem): InputItem {
  return Object.assign({}, item, more);
}

function textPart(role: string, text: string): { type: string; text: string } {
  return { type: role === 'assistant' ? 'output_text' : 'input_text', text };
}

/** What the model is shown, and what of the items it cannot be shown. */
export interface Shown {
  readonly messages: readonly Message[];
  readonly ignored: readonly string[];
}

/** How many items at the start are system messages. */
export function leadingSystem(items: readonly Item[]): number {
  const count = items.findIndex((item) => item.type !== 'message' || roleOf(item.role) !== 'system');
  return count < 0 ? items.length : count;
}

/**
 * Messages of a conversation. The instructions and the first `joined` items, system messages, become one, since many chat
 * templates take no more; calls join the assistant's message before them. What comes later changes nothing of what came
 * before, so that the model's memory of a conversation stays good when it goes on.
 */
export function shownMessages(instructions: string | null, items: readonly Item[], joined: number): Shown {
  const messages: Message[] = [];
  const ignored: string[] = [];
  for (const [index, item] of items.entries())
    addItem(item as InputItem, `input[${index}]`, messages, ignored);
  const first = messages.splice(0, joined).map(({ content }) => content);
  if (instructions !== null && instructions !== '') first.unshift(instructions);
  if (first.length > 0) messages.unshift({ role: 'system', content: first.join('\n\n') });
  return { messages, ignored };
}

function addItem(item: InputItem, path: string, messages: Message[], ignored: string[]): void {
  const last = messages.at(-1);
  switch (item.type) {
    case 'message': {
      const content = contentText(item.content, `${path}.content`, ignored);
      const role = roleOf(item.role);
      if (role === 'assistant' && isThought(last)) messages[messages.length - 1] = { ...last, content };
      else messages.push({ role, content });
      return;
    }
    case 'reasoning': {
      const reasoning = thoughtOf(item);
      if (reasoning === null) ignored.push(`${path}: reasoning`);
      // What is said or called after it joins it.
      else messages.push({ role: 'assistant', content: '', reasoning });
      return;
    }
    case 'function_call':
    case 'custom_tool_call': {
      const call: ToolCall = {
        id: String(item.call_id),
        name: flatName(typeof item.namespace === 'string' ? item.namespace : null, String(item.name)),
        arguments:
          item.type === 'function_call' ? String(item.arguments) : customArguments(String(item.input)),
      };
      if (last?.role !== 'assistant') messages.push({ role: 'assistant', content: '', toolCalls: [call] });
      else if (last.toolCalls === undefined) messages[messages.length - 1] = { ...last, toolCalls: [call] };
      // The list was made here, one call at a time.
      else (last.toolCalls as ToolCall[]).push(call);
      return;
    }
    case 'function_call_output':
    case 'custom_tool_call_output':
      messages.push({
        role: 'tool',
        content: contentText(item.output, `${path}.output`, ignored),
        toolCallId: String(item.call_id),
      });
      return;
    case 'compaction': {
      const summary = summaryOf(item);
      if (summary === null) ignored.push(`${path}: compaction`);
      else messages.push({ role: 'system', content: `The conversation so far, summed up: ${summary}` });
      return;
    }
    default:
      ignored.push(`${path}: ${item.type}`);
  }
}

/** Whether nothing was said or called after a thought yet. */
function isThought(message: Message | undefined): message is Message {
  return message?.reasoning !== undefined && message.content === '' && message.toolCalls === undefined;
}

function roleOf(role: unknown): Message['role'] {
  return role === 'developer' || role === 'system'
    ? 'system'
    : role === 'assistant' || role === 'tool'
      ? role
      : 'user';
}

/** The text of a message. Where something else stood, the model reads that it is missing. */
function contentText(content: unknown, path: string, ignored: string[]): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content))
    return content === undefined || content === null ? '' : JSON.stringify(content);
  return content
    .map((part: Readonly<Record<string, unknown>>, index) => {
      if (typeof part.text === 'string') return part.text;
      if (typeof part.refusal === 'string') return part.refusal;
      const type = String(part.type);
      ignored.push(`${path}[${index}]: ${type}`);
      return leftOut(type.replace(/^input_/, ''));
    })
    .join('');
}
