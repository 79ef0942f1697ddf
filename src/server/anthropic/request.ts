/** The body of Anthropic's `POST /v1/messages`, checked, and the completion that it asks for. */
import { z } from 'zod';
import type { GenerateOptions } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import type { CompletionRequest, Message, Tool, ToolChoice } from '../road/completion.js';
import type { MessagesPrompt } from '../road/tools.js';

const text = z.string();
const textBlock = z.object({ type: z.literal('text'), text });
const toolUse = z.object({
  type: z.literal('tool_use'),
  id: text,
  name: text,
  input: z.record(text, z.unknown()),
});
const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: text,
  content: z.union([text, z.array(textBlock)]).nullish(),
  is_error: z.boolean().nullish(),
});
/** What a model thought before is no part of its turns here. */
const thinking = z.object({ type: z.enum(['thinking', 'redacted_thinking']) });
const block = z.discriminatedUnion(
  'type',
  [textBlock, toolUse, toolResult, thinking],
  'expected text, tool_use, tool_result or thinking: this model reads text only',
);

const message = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([text, z.array(block)]),
});

const tool = z.object({
  type: z.literal('custom', 'only tools of your own are known here').nullish(),
  name: z.string().regex(/^[\w-]{1,128}$/, 'expected up to 128 letters, digits, _ and -'),
  description: text.nullish(),
  input_schema: z.record(text, z.unknown()),
});

const toolChoice = z.object({
  type: z.enum(['auto', 'any', 'tool', 'none']),
  name: text.nullish(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

/** What counts as prompt, and so stands in the body of `count_tokens` as well. */
export const promptBody = z.object({
  model: text,
  messages: z.array(message).min(1, 'expected at least one message'),
  system: z.union([text, z.array(textBlock)]).nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
});

export const messagesBody = promptBody.extend({
  max_tokens: z.int().min(1),
  stop_sequences: z.array(text.min(1)).max(16).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stream: z.boolean().nullish(),
  service_tier: z.enum(['auto', 'standard_only']).nullish(),
  output_config: z
    .object({
      format: z.object({ type: z.literal('json_schema'), schema: z.record(text, z.unknown()) }).nullish(),
    })
    .nullish(),
});

export type MessagesBody = z.infer<typeof messagesBody>;
type Block = z.infer<typeof block>;

/** Throws an ApiError on messages that cannot be a conversation here. */
export function promptOf({
  messages,
  system,
  tools,
  tool_choice,
}: z.infer<typeof promptBody>): MessagesPrompt {
  if (messages.at(-1)?.role === 'assistant')
    throw badRequest(
      "The last message is the assistant's: an answer that is begun cannot be gone on with.",
      'messages',
    );
  const known = (tools ?? []).map(
    ({ name, description, input_schema: parameters }): Tool => ({
      name,
      parameters,
      ...(description != null && { description }),
    }),
  );
  const turns = messages.flatMap(({ role, content }) =>
    typeof content === 'string' ? [{ role, content }] : turnsOf(role, content),
  );
  const head: Message[] = system == null ? [] : [{ role: 'system', content: plain(system) }];
  return {
    kind: 'messages',
    messages: [...head, ...turns],
    ...(known.length > 0 && { tools: known }),
    ...(tool_choice != null && { toolChoice: choiceOf(tool_choice, known) }),
    ...(tool_choice?.disable_parallel_tool_use === true && { parallelToolCalls: false }),
  };
}

export function completionRequest(body: MessagesBody, id: string, caller: string): CompletionRequest {
  const options: GenerateOptions = {
    maxTokens: body.max_tokens,
    temperature: body.temperature ?? 1,
    ...(body.top_p != null && { topP: body.top_p }),
    ...(body.top_k != null && { topK: body.top_k }),
    ...(body.stop_sequences?.length && { stop: body.stop_sequences }),
    ...(body.output_config?.format != null && {
      grammar: { type: 'jsonSchema', schema: JSON.stringify(body.output_config.format.schema) },
    }),
  };
  return { id, caller, tier: 'interactive', prompt: promptOf(body), options };
}

/** Results of calls are turns of their own, and come before what the user says. */
function turnsOf(role: 'user' | 'assistant' | 'system', blocks: readonly Block[]): Message[] {
  const results = blocks.flatMap((part): Message[] =>
    part.type === 'tool_result'
      ? [
          {
            role: 'tool',
            content: `${part.is_error === true ? 'Error: ' : ''}${plain(part.content ?? '')}`,
            toolCallId: part.tool_use_id,
          },
        ]
      : [],
  );
  const content = blocks.map((part) => (part.type === 'text' ? part.text : '')).join('');
  const toolCalls = blocks.flatMap((part) =>
    part.type === 'tool_use' ? [{ id: part.id, name: part.name, arguments: JSON.stringify(part.input) }] : [],
  );
  if (content === '' && toolCalls.length === 0 && results.length > 0) return results;
  return [...results, { role, content, ...(toolCalls.length > 0 && { toolCalls }) }];
}

function plain(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map((part) => part.text).join('');
}

function choiceOf({ type, name }: z.infer<typeof toolChoice>, known: readonly Tool[]): ToolChoice {
  if (type === 'auto' || type === 'none') return type;
  if (type === 'any') {
    if (known.length === 0) throw badRequest('A tool is required, but none is given.', 'tool_choice');
    return 'required';
  }
  if (name != null && known.some((tool) => tool.name === name)) return { name };
  throw badRequest(`${JSON.stringify(name?.slice(0, 128))} is not among the tools.`, 'tool_choice.name');
}
