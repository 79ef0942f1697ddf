/**
 * The fields by which an answer is bound to a form, in the words of every server that clients know. They are taken on
 * every route, so that none is passed over; an answer has one form.
 */
import { z } from 'zod';
import type { Grammar } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import { anyObject, isText, list } from '../list.js';

const text = z.string();
const schema = z.union([text, anyObject, z.boolean()], 'expected a JSON schema');
const choice = list(text, { least: 1, quick: isText });

const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.object({ type: z.literal('text') }),
    z.object({ type: z.literal('json_object'), schema: schema.nullish() }),
    z.object({
      type: z.literal('json_schema'),
      schema: schema.nullish(),
      json_schema: z.object({ name: text.nullish(), schema: schema.nullish() }).nullish(),
    }),
    z.object({ type: z.literal('grammar'), grammar: text }),
  ],
  'expected the type text, json_object, json_schema or grammar',
);

export const constraintFields = {
  response_format: responseFormat.nullish(),
  /** Of vLLM. */
  structured_outputs: z
    .object({
      json: schema.nullish(),
      json_object: z.boolean().nullish(),
      regex: text.nullish(),
      choice: choice.nullish(),
      grammar: text.nullish(),
      structural_tag: z.undefined('structural tags are not known here').optional(),
    })
    .nullish(),
  guided_json: schema.nullish(),
  guided_regex: text.nullish(),
  guided_choice: choice.nullish(),
  guided_grammar: text.nullish(),
  /** Of llama.cpp. */
  grammar: text.nullish(),
  json_schema: schema.nullish(),
  /** Of SGLang. */
  regex: text.nullish(),
  ebnf: text.nullish(),
} as const;

export type ConstraintFields = z.infer<z.ZodObject<typeof constraintFields>>;

const asSchema = (given: z.infer<typeof schema>): Grammar => ({
  type: 'jsonSchema',
  schema: typeof given === 'string' ? given : JSON.stringify(given),
});
const asRegex = (pattern: string): Grammar => ({ type: 'regex', pattern });
const asEbnf = (given: string): Grammar => ({ type: 'ebnf', text: given });
const asChoice = (given: readonly string[]): Grammar => asRegex(given.map(escapeRegex).join('|'));

/**
 * The form that a request asks for, or null.
 *
 * @param own the form by the field of the API itself, where it has another one
 * @throws ApiError where there is more than one
 */
export function constraintOf(fields: ConstraintFields, own: Grammar | null = null): Grammar | null {
  const { structured_outputs: nested } = fields;
  const given: readonly (readonly [string, Grammar | null])[] = [
    ['the format of the answer', own],
    ['response_format', formatOf(fields.response_format)],
    ['structured_outputs.json', made(nested?.json, asSchema)],
    ['structured_outputs.json_object', nested?.json_object === true ? { type: 'json' } : null],
    ['structured_outputs.regex', made(nested?.regex, asRegex)],
    ['structured_outputs.choice', made(nested?.choice, asChoice)],
    ['structured_outputs.grammar', made(nested?.grammar, asEbnf)],
    ['guided_json', made(fields.guided_json, asSchema)],
    ['guided_regex', made(fields.guided_regex, asRegex)],
    ['guided_choice', made(fields.guided_choice, asChoice)],
    ['guided_grammar', made(fields.guided_grammar, asEbnf)],
    ['grammar', made(fields.grammar || null, asEbnf)],
    ['json_schema', made(fields.json_schema, asSchema)],
    ['regex', made(fields.regex, asRegex)],
    ['ebnf', made(fields.ebnf, asEbnf)],
  ];
  const bound = given.filter(([, grammar]) => grammar !== null);
  if (bound.length > 1)
    throw badRequest(`An answer has one form: give only one of ${bound.map(([name]) => name).join(', ')}.`);
  return bound[0]?.[1] ?? null;
}

function made<T>(given: T | null | undefined, make: (given: T) => Grammar): Grammar | null {
  return given === null || given === undefined ? null : make(given);
}

function formatOf(format: ConstraintFields['response_format']): Grammar | null {
  switch (format?.type) {
    case 'json_object':
      return made(format.schema, asSchema) ?? { type: 'json' };
    case 'json_schema':
      return made(format.json_schema?.schema ?? format.schema, asSchema) ?? { type: 'json' };
    case 'grammar':
      return asEbnf(format.grammar);
    default:
      return null;
  }
}

function escapeRegex(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
