/** The messages and tools of OpenAI's chat API, checked, and as the server's own kind. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import type { Message, Tool, ToolChoice } from '../road/completion.js';

const text = z.string();
const textPart = z.object({ type: z.literal('text', 'this model reads text only'), text });
const refusalPart = z.object({ type: z.literal('refusal'), refusal: text });
const content = z.union([text, z.array(textPart)], 'expected a string or a list of text parts');

const toolCall = z.object({
  id: text,
  type: z.literal('function').optional(),
  function: z.object({ name: text, arguments: text }),
});

const message = z.discriminatedUnion('role', [
  z.object({ role: z.enum(['system', 'developer', 'user']), content }),
  z.object({
    role: z.literal('assistant'),
    content: z.union([text, z.array(z.union([textPart, refusalPart]))]).nullish(),
    tool_calls: z.array(toolCall).nullish(),
  }),
  z.object({ role: z.literal('tool'), content, tool_call_id: text }),
]);

export const messages = z.array(message).min(1, 'expected at least one message');

export const tools = z.array(
  z.object({
    type: z.literal('function', 'only function tools are known here'),
    function: z.object({
      name: z.string().regex(/^[\w-]{1,64}$/, 'expected up to 64 letters, digits, _ and -'),
      description: text.nullish(),
      parameters: z.record(text, z.unknown()).nullish(),
    }),
  }),
);

export const toolChoice = z.union(
  [
    z.enum(['none', 'auto', 'required']),
    z.object({ type: z.literal('function'), function: z.object({ name: text }) }),
  ],
  'expected none, auto, required or a function',
);

export function toMessages(given: z.infer<typeof messages>): Message[] {
  return given.map((item) => {
    switch (item.role) {
      case 'system':
      case 'developer':
        return { role: 'system', content: plain(item.content) };
      case 'user':
        return { role: 'user', content: plain(item.content) };
      case 'tool':
        return { role: 'tool', content: plain(item.content), toolCallId: item.tool_call_id };
      case 'assistant':
        return {
          role: 'assistant',
          content: plain(item.content ?? ''),
          ...(item.tool_calls?.length && {
            toolCalls: item.tool_calls.map((call) => ({
              id: call.id,
              name: call.function.name,
              arguments: call.function.arguments,
            })),
          }),
        };
      default:
        return item satisfies never;
    }
  });
}

type Parts = readonly ({ type: 'text'; text: string } | { type: 'refusal'; refusal: string })[];

function plain(given: string | Parts): string {
  if (typeof given === 'string') return given;
  return given.map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
}

export function toTools(given: z.infer<typeof tools>): Tool[] {
  return given.map(({ function: { name, description, parameters } }) => ({
    name,
    ...(description != null && { description }),
    ...(parameters != null && { parameters }),
  }));
}

/** Throws an ApiError where a function is asked for that is not among the tools. */
export function toToolChoice(given: z.infer<typeof toolChoice>, known: readonly Tool[]): ToolChoice {
  if (typeof given === 'string') {
    if (given === 'required' && known.length === 0)
      throw badRequest('A tool is required, but none is given.', 'tool_choice');
    return given;
  }
  const { name } = given.function;
  if (known.some((tool) => tool.name === name)) return { name };
  throw badRequest(
    `The function ${JSON.stringify(name.slice(0, 64))} is not among the tools.`,
    'tool_choice',
  );
}
