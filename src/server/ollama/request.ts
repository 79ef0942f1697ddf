/** The bodies of Ollama's `/api/generate` and `/api/chat`, checked, and the completions that they ask for. */

import { z } from 'zod';
import type {
  EngineInfo,
  GenerateDefaults,
  GenerateOptions,
  Grammar,
  SamplingOptions,
  Tokenizer,
} from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { parseBody } from '../http.js';
import { anyObject, list, mostTools, mostTurns, stopText, tokenIds } from '../list.js';
import type { Preset } from '../models/preset.js';
import type { CompletionPrompt, Message, Tool, ToolCall } from '../road/completion.js';
import { constraintFields, constraintOf } from '../road/constraint.js';
import { defaultTokens, drawn } from '../road/drawing.js';
import { refusedFields, requireNoRefused, seedField, topKField } from '../road/fields.js';
import { leftOut } from '../road/parts.js';
import { thinkingVariables } from '../road/thinking.js';
import type { MessagesPrompt } from '../road/tools.js';

const text = z.string();
const images = list(z.unknown(), { most: mostTurns, quick: () => true }).nullish();

/** Options that say how a model is loaded are Ollama's business: the server's model is loaded. */
const options = z.object({
  num_predict: z.int().nullish(),
  temperature: z.number().min(0).nullish(),
  top_k: topKField.nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repeat_penalty: z.number().positive().nullish(),
  presence_penalty: z.number().nullish(),
  frequency_penalty: z.number().nullish(),
  seed: seedField.nullish(),
  stop: z.union([stopText, list(stopText, { most: 16 })]).nullish(),
});

const shared = {
  ...constraintFields,
  ...refusedFields,
  model: text,
  /** How long the model stays afterwards; 0 with nothing to answer takes it out of memory. */
  keep_alive: z.union([z.number(), text]).nullish(),
  stream: z.boolean().nullish(),
  format: z.union([z.enum(['json', '']), anyObject], 'expected "json" or a JSON schema').nullish(),
  options: options.nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(20).nullish(),
  think: z.union([z.boolean(), text]).nullish(),
};

export const generateBody = z.object({
  ...shared,
  prompt: text.nullish(),
  suffix: text.nullish(),
  system: text.nullish(),
  raw: z.boolean().nullish(),
  images,
  template: z.undefined('the template of the model cannot be replaced').optional(),
  /** Ids of the prompts and answers before. */
  context: tokenIds().nullish(),
});

const message = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: text.nullish(),
  images,
  tool_calls: list(
    z.object({
      id: text.nullish(),
      function: z.object({ name: text, arguments: anyObject }),
    }),
    { most: mostTurns },
  ).nullish(),
  thinking: text.nullish(),
  tool_name: text.nullish(),
  tool_call_id: text.nullish(),
});

const tool = z.object({
  type: text.nullish(),
  function: z.object({
    name: text.min(1),
    description: text.nullish(),
    parameters: anyObject.nullish(),
  }),
});

export const chatBody = z.object({
  ...shared,
  messages: list(message, { most: mostTurns }).nullish(),
  /** Whether the oldest turns go where the conversation is too long; default true. */
  truncate: z.boolean().nullish(),
  tools: list(tool, { most: mostTools }).nullish(),
});

/**
 * What parameters of a Modelfile stand for here; those that say how a model is loaded are passed over. Throws an ApiError on
 * wrong values.
 */
export function presetOptions(parameters: Readonly<Record<string, unknown>>) {
  const given = parseBody(options, parameters);
  const { stop, num_predict: most } = given;
  const defaults: GenerateDefaults = {
    ...(most != null && most > 0 && { maxTokens: most }),
    ...(given.temperature != null && { temperature: given.temperature }),
    ...(given.top_k != null && { topK: given.top_k }),
    ...(given.top_p != null && { topP: Math.max(given.top_p, Number.MIN_VALUE) }),
    ...(given.min_p != null && { minP: given.min_p }),
    ...(given.repeat_penalty != null && { repetitionPenalty: given.repeat_penalty }),
    ...(given.presence_penalty != null && { presencePenalty: given.presence_penalty }),
    ...(given.frequency_penalty != null && { frequencyPenalty: given.frequency_penalty }),
    ...(given.seed != null && { seed: given.seed }),
  };
  return { defaults, stop: stop == null ? [] : [stop].flat() };
}

/** A body with the parameters of its model's Modelfile where it says nothing itself. */
export function withPreset<T extends GenerateBody | ChatBody>(body: T, preset: Preset | null): T {
  if (preset === null) return body;
  const { stop: _, ...parameters } = preset.parameters;
  return { ...body, options: { ...parseBody(options, parameters), ...body.options } };
}

export type GenerateBody = z.infer<typeof generateBody>;
export type ChatBody = z.infer<typeof chatBody>;

/** Null where only the model is to be loaded. */
export function generatePrompt(body: GenerateBody, tokenizer: Tokenizer): CompletionPrompt | null {
  const { suffix, system, raw } = body;
  const prompt = withImages(body.prompt, body.images);
  if (prompt === '' && !suffix) return null;
  if (suffix) return { kind: 'infill', prefix: prompt, suffix };
  // What Ollama does with a model that has no template of its own: the prompt as it is.
  if (raw === true || tokenizer.chatTemplate === null) {
    return { kind: 'text', text: system && raw !== true ? `${system}\n\n${prompt}` : prompt };
  }
  const head: Message[] = system ? [{ role: 'system', content: system }] : [];
  const messages: Message[] = [...head, { role: 'user', content: prompt }];
  return { kind: 'messages', messages, ...thinkingOf(body.think) };
}

function thinkingOf(think: GenerateBody['think']) {
  return thinkingVariables(typeof think === 'string' ? { effort: think } : { isOn: think });
}

/** Throws ApiError where a model is asked to think whose template knows of no thoughts. */
export function requireThinking(think: GenerateBody['think'], template: string | null): void {
  if (!think || /think|reasoning|<\|channel\|>/i.test(template ?? '')) return;
  throw badRequest('This model does not think before it answers: leave `think` out.', 'think');
}

/** Null where only the model is to be loaded. */
export function chatPrompt({ messages, tools, think }: ChatBody): MessagesPrompt | null {
  if (!messages?.length) return null;
  // Calls have no ids in Ollama's API: a result is that of the last call of its function.
  const calls: ToolCall[] = [];
  const turns = messages.map((item): Message => {
    const { role } = item;
    const content = withImages(item.content, item.images);
    if (role === 'tool') {
      const call =
        calls.findLast(({ id, name }) => id === item.tool_call_id || name === item.tool_name) ?? calls.at(-1);
      // Clients cut histories, and some never send the call: the result is told all the same.
      return { role, content, ...(call !== undefined && { toolCallId: call.id }) };
    }
    const made = (item.tool_calls ?? []).map(({ id, function: { name, arguments: given } }, i) => ({
      id: id ?? `call_${calls.length + i}`,
      name,
      arguments: JSON.stringify(given),
    }));
    calls.push(...made);
    const thought = item.thinking ? { reasoning: item.thinking } : {};
    return { role, content, ...thought, ...(made.length > 0 && { toolCalls: made }) };
  });
  const known = (tools ?? []).map(
    ({ function: { name, description, parameters } }): Tool => ({
      name,
      ...(description && { description }),
      ...(parameters && { parameters }),
    }),
  );
  const thinking = thinkingOf(think);
  return { kind: 'messages', messages: turns, ...(known.length > 0 && { tools: known }), ...thinking };
}

function withImages(
  content: string | null | undefined,
  given: readonly unknown[] | null | undefined,
): string {
  const count = given?.length ?? 0;
  const note = count === 0 ? '' : leftOut(count === 1 ? 'image' : `${count} images`);
  return [content ?? '', note].filter((part) => part !== '').join('\n');
}

/** How Ollama draws where nothing is said. */
const ollamaSampling: SamplingOptions = { temperature: 0.8, topK: 40, topP: 0.9 };

export function generateOptions(body: GenerateBody | ChatBody, info: EngineInfo): GenerateOptions {
  const given = body.options ?? {};
  requireNoRefused(body);
  const grammar = constraintOf(body, grammarOf(body.format));
  const wanted = given.num_predict ?? defaultTokens(info);
  return drawn(info, ollamaSampling, {
    maxTokens: wanted > 0 ? wanted : info.context,
    ...(given.temperature != null && { temperature: given.temperature }),
    ...(given.top_k != null && { topK: given.top_k }),
    ...(given.top_p != null && { topP: Math.max(given.top_p, Number.MIN_VALUE) }),
    ...(given.min_p != null && { minP: given.min_p }),
    ...(given.repeat_penalty != null && { repetitionPenalty: given.repeat_penalty }),
    ...(given.presence_penalty != null && { presencePenalty: given.presence_penalty }),
    ...(given.frequency_penalty != null && { frequencyPenalty: given.frequency_penalty }),
    ...(given.seed != null && { seed: given.seed }),
    ...(given.stop != null && { stop: given.stop }),
    ...(grammar && { grammar }),
    ...(body.logprobs === true && { logprobs: body.top_logprobs ?? 0 }),
  });
}

function grammarOf(format: GenerateBody['format']): Grammar | null {
  if (format == null || format === '') return null;
  return format === 'json' ? { type: 'json' } : { type: 'jsonSchema', schema: JSON.stringify(format) };
}
