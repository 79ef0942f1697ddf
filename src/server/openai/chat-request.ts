/** The body of `POST /v1/chat/completions`, checked, and the completions that it asks for. */
import { z } from 'zod';
import type { GenerateOptions, Grammar } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import type { CompletionPrompt, CompletionRequest } from '../road/completion.js';
import { messages, toMessages, toolChoice, tools, toToolChoice, toTools } from './chat-messages.js';
import { isGiven, optionsOfChoice, samplingFields, samplingOptions, tierOf } from './sampling.js';

const text = z.string();

const responseFormat = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({ name: text.nullish(), schema: z.record(text, z.unknown()).nullish() }),
  }),
]);

export const chatBody = z.object({
  ...samplingFields,
  messages,
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  response_format: responseFormat.nullish(),
  tools: tools.nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  prediction: z
    .object({
      type: z.literal('content'),
      content: z.union([text, z.array(z.object({ type: z.literal('text'), text }))]),
    })
    .nullish(),
});

export type ChatBody = z.infer<typeof chatBody>;

/** One request per choice. Throws ApiError on fields that contradict one another. */
export function chatRequests(
  { host }: ServerContext,
  body: ChatBody,
  id: string,
  caller: string,
): CompletionRequest[] {
  if (isGiven(body.top_logprobs) && body.logprobs !== true)
    throw badRequest('top_logprobs needs logprobs to be true.', 'top_logprobs');
  const known = toTools(body.tools ?? []);
  const prompt: CompletionPrompt = {
    kind: 'messages',
    messages: toMessages(body.messages),
    ...(known.length > 0 && { tools: known }),
    ...(isGiven(body.tool_choice) && { toolChoice: toToolChoice(body.tool_choice, known) }),
    ...(isGiven(body.parallel_tool_calls) && { parallelToolCalls: body.parallel_tool_calls }),
  };
  const grammar = grammarOf(body.response_format);
  const options: GenerateOptions = {
    ...samplingOptions(body),
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? host.require().info.context,
    ...(body.logprobs === true && { logprobs: body.top_logprobs ?? 0 }),
    ...(grammar && { grammar }),
    ...(isGiven(body.prediction) && { prediction: textOf(body.prediction.content) }),
  };
  const tier = tierOf(body.service_tier);
  return Array.from({ length: body.n ?? 1 }, (_, index) => ({
    id,
    prompt,
    caller,
    tier,
    options: optionsOfChoice(options, index),
  }));
}

function grammarOf(format: ChatBody['response_format']): Grammar | null {
  if (!isGiven(format) || format.type === 'text') return null;
  if (format.type === 'json_object') return { type: 'json' };
  const { schema } = format.json_schema;
  return isGiven(schema) ? { type: 'jsonSchema', schema: JSON.stringify(schema) } : { type: 'json' };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map((part) => part.text).join('');
}
