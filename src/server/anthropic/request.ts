/** The body of Anthropic's `POST /v1/messages`, checked, and the completion that it asks for. */

import { z } from 'zod';
import type { EngineInfo, GenerateOptions } from '../../runtime/types.js';
import { ApiError } from '../errors.js';
import { anyObject, list, mostTools, mostTurns, stopText } from '../list.js';
import type { CompletionRequest, Message } from '../road/completion.js';
import { constraintFields, constraintOf } from '../road/constraint.js';
import { drawn } from '../road/drawing.js';
import { refusedFields, requireNoRefused } from '../road/fields.js';
import { thinkingVariables } from '../road/thinking.js';
import type { MessagesPrompt } from '../road/tools.js';
import { type Block, block, textBlock, textOf } from './blocks.js';
import { tool, toolChoice, toToolChoice, toTools } from './tools.js';

const text = z.string();
const message = z.object({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([text, list(block)]),
});

const format = z.object({ type: z.literal('json_schema'), schema: anyObject });

/** What counts as prompt, and so stands in the body of `count_tokens` as well. */
export const promptBody = z.object({
  model: text,
  messages: list(message, { least: 1, most: mostTurns, tooFew: 'expected at least one message' }),
  system: z.union([text, list(textBlock)]).nullish(),
  tools: list(tool, { most: mostTools }).nullish(),
  tool_choice: toolChoice.nullish(),
  thinking: z.looseObject({ type: z.enum(['enabled', 'adaptive', 'disabled']) }).nullish(),
});

export const messagesBody = promptBody.extend({
  ...constraintFields,
  ...refusedFields,
  max_tokens: z.int().min(0),
  thread: z.object({ type: text }).nullish(),
  stop_sequences: list(stopText, { most: 16 }).nullish(),
  temperature: z.number().min(0).max(1).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(0).nullish(),
  stream: z.boolean().nullish(),
  service_tier: z.enum(['auto', 'standard_only']).nullish(),
  output_config: z.object({ format: format.nullish() }).nullish(),
  /** Its name before `output_config`. */
  output_format: format.nullish(),
});

export type MessagesBody = z.infer<typeof messagesBody>;

/** Throws an ApiError on messages that cannot be a conversation here. */
export function promptOf({
  messages,
  system,
  tools,
  tool_choice,
  thinking,
}: z.infer<typeof promptBody>): MessagesPrompt {
  const known = toTools(tools ?? []);
  const turns = messages.flatMap(({ role, content }) =>
    typeof content === 'string' ? [{ role, content }] : turnsOf(role, content),
  );
  const head: Message[] = system == null ? [] : [{ role: 'system', content: textOf(system) }];
  return {
    kind: 'messages',
    messages: [...head, ...turns],
    // An answer that is begun is gone on with.
    ...(turns.at(-1)?.role === 'assistant' && { continues: true }),
    ...(known.length > 0 && { tools: known }),
    ...(tool_choice != null && { toolChoice: toToolChoice(tool_choice, known) }),
    ...(tool_choice?.disable_parallel_tool_use === true && { parallelToolCalls: false }),
    ...thinkingVariables({ isOn: thinking == null ? null : thinking.type !== 'disabled' }),
  };
}

export function completionRequest(
  body: MessagesBody,
  info: EngineInfo,
  { id, caller }: Pick<CompletionRequest, 'id' | 'caller'>,
): CompletionRequest {
  requireNoThread(body);
  requireNoRefused(body);
  const format = body.output_config?.format ?? body.output_format;
  const grammar = constraintOf(
    body,
    format == null ? null : { type: 'jsonSchema', schema: JSON.stringify(format.schema) },
  );
  const given: GenerateOptions = {
    maxTokens: body.max_tokens,
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { topP: body.top_p }),
    ...(body.top_k != null && { topK: body.top_k }),
    ...(body.stop_sequences?.length && { stop: body.stop_sequences }),
    ...(grammar && { grammar }),
  };
  const options = drawn(info, { temperature: 1 }, given);
  return { id, caller, tier: 'interactive', prompt: promptOf(body), options };
}

/**
 * Conversations that the server keeps are not known here. Said in the form after which clients send the whole
 * conversation by themselves.
 */
function requireNoThread({ thread }: MessagesBody): void {
  if (thread == null) return;
  const isNew = thread.type === 'create';
  const message = 'Threads are not kept here: send the whole conversation as `messages`.';
  const details = isNew
    ? { error_code: 'thread_unsupported_request', unsupported: ['thread'] }
    : { error_code: 'thread_not_found' };
  throw new ApiError({
    status: 400,
    type: 'invalid_request_error',
    code: details.error_code,
    message,
    param: 'thread',
    details,
  });
}

/** Results of calls are turns of their own, and come before what the user says. */
function turnsOf(role: 'user' | 'assistant' | 'system', blocks: readonly Block[]): Message[] {
  const results = blocks.flatMap((part): Message[] =>
    part.type === 'tool_result' && 'tool_use_id' in part
      ? [
          {
            role: 'tool',
            content: `${part.is_error === true ? 'Error: ' : ''}${textOf(part.content ?? '')}`,
            toolCallId: part.tool_use_id,
          },
        ]
      : [],
  );
  const content = textOf(blocks);
  const toolCalls = blocks.flatMap((part) =>
    part.type === 'tool_use' && 'input' in part
      ? [{ id: part.id, name: part.name, arguments: JSON.stringify(part.input) }]
      : [],
  );
  if (content === '' && toolCalls.length === 0 && results.length > 0) return results;
  const thoughts = blocks.flatMap((part) => ('thinking' in part ? [part.thinking] : []));
  const reasoning = thoughts.join('\n');
  const turn = { role, content, ...(reasoning !== '' && { reasoning }) };
  return [...results, { ...turn, ...(toolCalls.length > 0 && { toolCalls }) }];
}
