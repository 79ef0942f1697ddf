/** The tools of Anthropic's API: those of the client, and those whose schema only the model's maker has written down. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import { anyObject } from '../list.js';
import type { Tool, ToolChoice } from '../road/completion.js';

const text = z.string();
const name = text.regex(/^[\w-]{1,128}$/, 'expected up to 128 letters, digits, _ and -');

const custom = z.object({
  type: z.literal('custom').nullish(),
  name,
  description: text.nullish(),
  input_schema: anyObject,
});
/** With a version in its type, e.g. `bash_20250124`. */
const versioned = z.object({
  type: text.regex(/_\d{8}$/, 'expected custom, or a type with its version such as bash_20250124'),
  name,
});
export const tool = z.union([custom, versioned]);

export const toolChoice = z.object({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: text.nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

const path = { type: 'string', description: 'An absolute path' };

/** The tools that clients run and do not describe, by their types without the version, as the API documents them. */
const CLIENT_TOOLS: Readonly<Record<string, Omit<Tool, 'name'>>> = {
  bash: {
    description: 'Runs a command in a shell that is kept between calls.',
    parameters: {
      type: 'object',
      properties: {
        command: { type: 'string' },
        restart: { type: 'boolean', description: 'Starts the shell anew' },
      },
    },
  },
  text_editor: {
    description: 'Views, creates and edits text files.',
    parameters: {
      type: 'object',
      properties: {
        command: { enum: ['view', 'create', 'str_replace', 'insert'] },
        path,
        file_text: { type: 'string', description: 'Of create' },
        old_str: { type: 'string', description: 'Of str_replace: what stands there once' },
        new_str: { type: 'string', description: 'Of str_replace' },
        insert_line: { type: 'integer', description: 'Of insert: the line after which' },
        insert_text: { type: 'string', description: 'Of insert' },
        view_range: {
          type: 'array',
          items: { type: 'integer' },
          description: 'Of view: first and last line',
        },
      },
      required: ['command', 'path'],
    },
  },
  memory: {
    description: 'Views and changes the files under /memories, which last longer than a conversation.',
    parameters: {
      type: 'object',
      properties: {
        command: { enum: ['view', 'create', 'str_replace', 'insert', 'delete', 'rename'] },
        path,
        file_text: { type: 'string' },
        old_str: { type: 'string' },
        new_str: { type: 'string' },
        insert_line: { type: 'integer' },
        insert_text: { type: 'string' },
        old_path: path,
        new_path: path,
      },
      required: ['command'],
    },
  },
};

/** Tools that the server would have to run, such as a search of the web, are left out. */
export function toTools(given: readonly z.infer<typeof tool>[]): Tool[] {
  return given.flatMap((one): Tool[] => {
    if ('input_schema' in one) {
      const { name, description, input_schema: parameters } = one;
      return [{ name, parameters, ...(description != null && { description }) }];
    }
    const known = CLIENT_TOOLS[one.type.replace(/_\d{8}$/, '')];
    return known === undefined ? [] : [{ name: one.name, ...known }];
  });
}

/** Throws an ApiError where a tool is asked for that is not among the tools. */
export function toToolChoice(
  { type, name: wanted }: z.infer<typeof toolChoice>,
  known: readonly Tool[],
): ToolChoice {
  if (type === 'auto' || type === 'none') return type;
  if (type === 'any') {
    if (known.length === 0) throw badRequest('A tool is required, but none is given.', 'tool_choice');
    return 'required';
  }
  if (wanted != null && known.some((one) => one.name === wanted)) return { name: wanted };
  throw badRequest(`${JSON.stringify(wanted?.slice(0, 128))} is not among the tools.`, 'tool_choice.name');
}
