/** Conversations as the variables of a template. What stands in them is the user's text, but for roles and types. */
import { readJson } from '../jinja/json.js';
import { isText, plain, said } from '../jinja/text.js';
import { Dict, Float, isList, type Value } from '../jinja/values.js';
import type { ChatMessage, ChatTool, ChatToolCall } from '../tokenizer-types.js';

const roles: ReadonlySet<string> = new Set(['system', 'developer', 'user', 'assistant', 'tool']);

/** JavaScript's values as a template's; all texts are the user's. */
export function toValue(value: unknown): Value {
  if (typeof value === 'string') return said(value);
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new Float(value);
  if (Array.isArray(value)) return value.map(toValue);
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, part]) => part !== undefined);
    return new Dict(entries.map(([key, part]) => [said(key), toValue(part)]));
  }
  return null;
}

/** Arguments of a call: what the JSON text says, down to `1.0`, or the text itself where it is no JSON. */
function argumentsOf(text: string): Value {
  try {
    return readJson(text);
  } catch {
    return said(text);
  }
}

/** What arguments of calls are for a template: what their JSON says, or that text itself. */
export type ArgumentsAs = 'values' | 'text';

export function messageValue(message: ChatMessage, argumentsAs: ArgumentsAs): Value {
  const { role, content, reasoning_content: reasoning, tool_calls: calls, tool_call_id: id, name } = message;
  const value = new Dict([
    ['role', roles.has(role) ? role : said(role)],
    ['content', said(content)],
  ]);
  if (reasoning !== undefined) {
    // Templates know thoughts by either name.
    value.set('reasoning_content', said(reasoning));
    value.set('thinking', said(reasoning));
  }
  if (calls !== undefined)
    value.set(
      'tool_calls',
      calls.map((call) => callValue(call, argumentsAs)),
    );
  if (id !== undefined) value.set('tool_call_id', said(id));
  if (name !== undefined) value.set('name', said(name));
  return value;
}

function callValue(
  { id, function: { name, arguments: args } }: ChatToolCall,
  argumentsAs: ArgumentsAs,
): Value {
  const asText = (): Value => said(typeof args === 'string' ? args : JSON.stringify(args));
  const called = new Dict([
    ['name', said(name)],
    [
      'arguments',
      argumentsAs === 'text' ? asText() : typeof args === 'string' ? argumentsOf(args) : toValue(args),
    ],
  ]);
  return new Dict([
    ['id', said(id)],
    ['type', 'function'],
    ['function', called],
  ]);
}

export function toolValue({ type, function: called }: ChatTool): Value {
  return new Dict([
    ['type', type],
    ['function', toValue(called)],
  ]);
}

/**
 * A conversation from JSON as transformers hands it to a template: None in messages left out, thoughts under both
 * names, roles told apart from what is said.
 */
export function givenMessages(messages: Value): Value {
  if (!isList(messages)) return messages;
  return messages.map((message) => {
    if (!(message instanceof Dict)) return message;
    const value = new Dict([...message.entries()].filter(([, part]) => part !== null));
    const role = value.get('role');
    if (role !== undefined && isText(role) && roles.has(plain(role))) value.set('role', plain(role));
    const reasoning = value.get('reasoning_content');
    if (reasoning !== undefined && !value.has('thinking')) value.set('thinking', reasoning);
    return value;
  });
}
