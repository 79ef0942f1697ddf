/** The messages of OpenAI's chat API, checked, and as the server's own kind. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import { list, mostTurns } from '../list.js';
import type { Message } from '../road/completion.js';
import { customArguments } from '../road/custom.js';
import { leftOut } from '../road/parts.js';

const text = z.string();
/** Of kinds that the model cannot read only the type is looked at. */
const part = z
  .object({ type: text, text: text.optional(), refusal: text.optional() })
  .refine((given) => given.type !== 'text' || given.text !== undefined, {
    error: 'a part of type text needs a text',
    abort: true,
  });
const content = z.union([text, list(part)], 'expected a string or a list of parts');

const toolCall = z.union([
  z.object({
    id: text,
    type: z.literal('function').optional(),
    function: z.object({ name: text, arguments: text }),
  }),
  z.object({ id: text, type: z.literal('custom'), custom: z.object({ name: text, input: text }) }),
]);

const message = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer', 'user']), content }),
  z.object({
    role: z.literal('assistant'),
    content: content.nullish(),
    /** What it thought, by the names that servers give it. */
    reasoning_content: text.nullish(),
    reasoning: text.nullish(),
    tool_calls: list(toolCall).nullish(),
    /** Of the time before there were tools. */
    function_call: z.object({ name: text, arguments: text }).nullish(),
  }),
  z.object({ role: z.literal('tool'), content, tool_call_id: text }),
  /** Of the time before there were tools: the result of the last call of that name. */
  z.object({ role: z.literal('function'), name: text, content: content.nullish() }),
]);

export const messages = list(message, { least: 1, most: mostTurns, tooFew: 'expected at least one message' });

type Given = z.infer<typeof message>;

export function toMessages(given: readonly Given[]): Message[] {
  const legacyCalls: { readonly id: string; readonly name: string }[] = [];
  return given.map((item, index): Message => {
    switch (item.role) {
      case 'system':
      case 'developer':
        return { role: 'system', content: plain(item.content) };
      case 'user':
        return { role: 'user', content: plain(item.content) };
      case 'tool':
        return { role: 'tool', content: plain(item.content), toolCallId: item.tool_call_id };
      case 'function': {
        const call = legacyCalls.findLast(({ name }) => name === item.name);
        if (call === undefined)
          throw badRequest(
            `A result of ${JSON.stringify(item.name.slice(0, 64))} without a call of it before.`,
            `messages[${index}]`,
          );
        return { role: 'tool', content: plain(item.content ?? ''), toolCallId: call.id };
      }
      case 'assistant': {
        const legacy = item.function_call ? [{ id: `call_${index}`, ...item.function_call }] : [];
        legacyCalls.push(...legacy);
        const reasoning = item.reasoning_content ?? item.reasoning;
        const toolCalls = [...(item.tool_calls ?? []).map(callOf), ...legacy];
        return {
          role: 'assistant',
          content: plain(item.content ?? ''),
          ...(reasoning && { reasoning }),
          ...(toolCalls.length > 0 && { toolCalls }),
        };
      }
      default:
        return item satisfies never;
    }
  });
}

function callOf(call: z.infer<typeof toolCall>) {
  return 'custom' in call
    ? { id: call.id, name: call.custom.name, arguments: customArguments(call.custom.input) }
    : { id: call.id, name: call.function.name, arguments: call.function.arguments };
}

function plain(given: z.infer<typeof content>): string {
  if (typeof given === 'string') return given;
  return given
    .map((one) => one.text ?? one.refusal ?? leftOut(one.type.replace(/^input_|_url$/g, '')))
    .join('');
}
