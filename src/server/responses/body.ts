/** What a client may send to create a response, checked field by field. Unknown fields are tolerated. */
import { z } from 'zod';
import { badRequest } from '../errors.js';
import { firstIssue, pathOf } from '../http.js';
import { anyObject, list, mostTools, mostTurns } from '../list.js';
import { constraintFields } from '../road/constraint.js';
import { refusedFields, seedField, topKField } from '../road/fields.js';

const text = z.string();
const optional = <T extends z.ZodType>(type: T): z.ZodOptional<z.ZodNullable<T>> =>
  type.nullable().optional();

/** A part of a message; of unknown kinds only the type is looked at. */
const contentPart = z.looseObject({ type: text, text: text.optional(), refusal: text.optional() });

export const inputItem = z.looseObject({
  type: text.optional(),
  id: optional(text),
  role: z.enum(['user', 'assistant', 'system', 'developer', 'tool']).optional(),
  content: z.union([text, list(contentPart)]).nullish(),
  call_id: optional(text),
  name: optional(text),
  namespace: optional(text),
  arguments: optional(text),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
});

export const input = z.union([text, list(inputItem, { most: mostTurns })]);

const toolChoice = z.union([
  z.enum(['auto', 'none', 'required']),
  z.looseObject({
    type: text,
    name: text.optional(),
    namespace: optional(text),
    mode: z.enum(['auto', 'required']).optional(),
    tools: list(z.looseObject({ type: text, name: text.optional(), namespace: optional(text) }), {
      most: mostTools,
    }).optional(),
  }),
]);

const textFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string().regex(/^[\w-]{1,64}$/, 'letters, digits, _ and -, at most 64'),
    description: optional(text),
    schema: anyObject,
    strict: optional(z.boolean()),
  }),
]);

export const metadata = anyObject
  .refine((value) => Object.keys(value).length <= 16, { error: 'at most 16 pairs', abort: true })
  .pipe(z.record(z.string().max(64), z.string().max(512)));

export const createBody = z.looseObject({
  ...constraintFields,
  ...refusedFields,
  model: optional(text),
  input: optional(input),
  instructions: optional(text),
  previous_response_id: optional(text),
  stream: optional(z.boolean()),
  store: optional(z.boolean()),
  background: optional(z.boolean()),
  tools: optional(list(z.looseObject({ type: text }), { most: mostTools })),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(z.boolean()),
  max_tool_calls: optional(z.int().min(1)),
  text: optional(
    z.looseObject({ format: optional(textFormat), verbosity: optional(z.enum(['low', 'medium', 'high'])) }),
  ),
  reasoning: optional(z.looseObject({ effort: optional(text), summary: optional(text) })),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  presence_penalty: optional(z.number().min(-2).max(2)),
  frequency_penalty: optional(z.number().min(-2).max(2)),
  top_logprobs: optional(z.int().min(0).max(20)),
  include: optional(list(text, { most: mostTools })),
  max_output_tokens: optional(z.int().min(1)),
  truncation: optional(z.enum(['auto', 'disabled'])),
  service_tier: optional(z.enum(['auto', 'default', 'flex', 'scale', 'priority'])),
  metadata: optional(metadata),
  conversation: z.union([text, z.looseObject({ id: text })], 'expected an id').nullish(),
  prompt: optional(z.unknown()),
  safety_identifier: optional(text),
  prompt_cache_key: optional(text),
  user: optional(text),
  /** Not of the official API: same seed, same text. */
  seed: optional(seedField),
  /** Not of the official API. */
  top_k: optional(topKField),
  /** Not of the official API: what follows a gap that the model fills in; `input` is the text before it. */
  suffix: optional(text),
  /** Not of the official API: goes on past end tokens, for benches. */
  ignore_eos: optional(z.boolean()),
});

export type CreateBody = z.infer<typeof createBody>;
export type InputBody = z.infer<typeof inputItem>;

export const customToolBody = z.looseObject({
  name: z.string().regex(/^[\w.-]{1,128}$/, 'letters, digits, _, . and -, at most 128'),
  description: optional(text),
  format: optional(z.looseObject({ type: text, syntax: text.optional(), definition: text.optional() })),
});

export const namespaceTool = z.looseObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, 'letters, digits, _, . and -, at most 64'),
  description: optional(text),
  tools: list(z.looseObject({ type: text }), { most: mostTools }),
});

export const functionTool = z.looseObject({
  name: z.string().regex(/^[\w.-]{1,128}$/, 'letters, digits, _, . and -, at most 128'),
  description: optional(text),
  parameters: optional(anyObject),
  strict: optional(z.boolean()),
});

/** Checks `value` against a schema. Throws an ApiError of status 400 that names the field. */
export function parse<T extends z.ZodType>(schema: T, value: unknown, where = ''): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = firstIssue(result.error.issues);
  const param = pathOf(where, issue.path);
  throw badRequest(`${param === '' ? 'The request' : `\`${param}\``}: ${issue.message}`, param || undefined);
}
