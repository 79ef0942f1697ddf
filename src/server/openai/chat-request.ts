/** The body of `POST /v1/chat/completions`, checked, and the completions that it asks for. */
import { z } from 'zod';
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine, GenerateOptions } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import { anyObject, list } from '../list.js';
import type { CompletionPrompt, CompletionRequest } from '../road/completion.js';
import { defaultTokens } from '../road/drawing.js';
import { fewestTokens } from '../road/prompt.js';
import { thinkingVariables } from '../road/thinking.js';
import { messages, toMessages } from './chat-messages.js';
import { type ChatTools, toChatTools, toolFields } from './chat-tools.js';
import {
  isGiven,
  maxTokensField,
  optionsOfChoice,
  samplingFields,
  samplingOptions,
  tierOf,
} from './sampling.js';

const text = z.string();

export const chatBody = z.object({
  ...samplingFields,
  ...toolFields,
  messages,
  /** Goes on with the last message, the assistant's, instead of beginning a new one. */
  /** Of llama.cpp: whether the usage of a stream says what it took. */
  timings_per_token: z.boolean().nullish(),
  /** Of llama.cpp: whether a whole answer says what the model read. */
  verbose: z.boolean().nullish(),
  continue_final_message: z.boolean().nullish(),
  add_generation_prompt: z.boolean().nullish(),
  max_tokens: maxTokensField.nullish(),
  max_completion_tokens: maxTokensField.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  chat_template_kwargs: anyObject.nullish(),
  enable_thinking: z.boolean().nullish(),
  reasoning_effort: text.max(32).nullish(),
  /** Of OpenRouter and Ollama. */
  reasoning: z.looseObject({ effort: text.max(32).nullish(), enabled: z.boolean().nullish() }).nullish(),
  /** Of llama.cpp: `none` leaves thoughts in the content; of SGLang. */
  reasoning_format: z.enum(['none', 'auto', 'deepseek', 'deepseek-legacy']).nullish(),
  separate_reasoning: z.boolean().nullish(),
  prediction: z
    .object({
      type: z.literal('content'),
      content: z.union([text, list(z.object({ type: z.literal('text'), text }))]),
    })
    .nullish(),
});

export type ChatBody = z.infer<typeof chatBody>;

export interface ChatRequest {
  /** One per choice. */
  readonly requests: readonly CompletionRequest[];
  readonly tools: ChatTools;
}

/** Rejects with ApiError on fields that contradict one another. */
export async function chatRequest(
  { host }: ServerContext,
  body: ChatBody,
  id: string,
  turn: EncodeTurn & { readonly owner: string },
): Promise<ChatRequest> {
  if (isGiven(body.top_logprobs) && body.logprobs !== true)
    throw badRequest('top_logprobs needs logprobs to be true.', 'top_logprobs');
  const chatTools = toChatTools(body);
  const { tools, toolChoice, parallelToolCalls } = chatTools;
  const prompt: CompletionPrompt = {
    kind: 'messages',
    messages: toMessages(body.messages),
    ...continuation(body),
    ...(tools.length > 0 && { tools }),
    ...(toolChoice !== undefined && { toolChoice }),
    ...(parallelToolCalls !== undefined && { parallelToolCalls }),
    ...reasoningOf(body),
    ...thinkingVariables({
      effort: body.reasoning_effort ?? body.reasoning?.effort,
      isOn: body.enable_thinking ?? body.reasoning?.enabled,
      variables: body.chat_template_kwargs,
    }),
  };
  const engine = host.require();
  const { info } = engine;
  const { context } = info;
  const options: GenerateOptions = {
    ...samplingOptions(body, info),
    maxTokens: Math.min(body.max_completion_tokens ?? body.max_tokens ?? defaultTokens(info), context),
    ...(body.logprobs === true && { logprobs: body.top_logprobs ?? 0 }),
    ...(isGiven(body.prediction) && {
      prediction: await predictedIds(textOf(body.prediction.content), engine, turn),
    }),
  };
  const tier = tierOf(body.service_tier);
  const requests = Array.from({ length: body.n ?? 1 }, (_, index) => ({
    id,
    prompt,
    caller: turn.owner,
    tier,
    options: optionsOfChoice(options, index),
  }));
  return { requests, tools: chatTools };
}

function reasoningOf({ reasoning_format: format, separate_reasoning: isApart }: ChatBody) {
  if (isGiven(format)) return { reasoning: format === 'none' ? 'content' : 'split' } as const;
  return isGiven(isApart) ? ({ reasoning: isApart ? 'split' : 'content' } as const) : {};
}

/** Throws an ApiError where there is no message to go on with. */
function continuation({
  continue_final_message: continues,
  add_generation_prompt: begins,
  messages,
}: ChatBody) {
  if (continues !== true) return begins === false ? { addGenerationPrompt: false } : {};
  if (begins === true)
    throw badRequest('A turn is gone on with or begun, not both.', 'add_generation_prompt');
  if (messages.at(-1)?.role !== 'assistant')
    throw badRequest("The last message has to be the assistant's.", 'continue_final_message');
  return { continues: true };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map((part) => part.text).join('');
}

/** Once for all choices. Rejects with an ApiError on a prediction that no answer can be as long as. */
async function predictedIds(text: string, engine: Engine, turn: EncodeTurn): Promise<readonly number[]> {
  const { context } = engine.info;
  if (fewestTokens(engine.tokenizer, text.length, context) > context)
    throw badRequest(`A prediction of ${text.length} characters is longer than any answer.`, 'prediction');
  return (await engine.encode(text, { bos: false, ...turn })).slice(0, context);
}
