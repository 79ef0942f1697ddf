/** JSON schemas as zod writes them, for both drafts. */
import { z } from 'zod';

const address = z.object({ street: z.string(), city: z.string(), zip: z.string().regex(/^\d{5}$/) });
const pet = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('cat'), lives: z.int().min(0).max(9) }),
  z.object({ kind: z.literal('dog'), good: z.boolean() }),
]);
interface Tree {
  value: number;
  children: Tree[];
}
const tree: z.ZodType<Tree> = z.object({
  value: z.number(),
  get children() {
    return z.array(tree);
  },
});

const four: Readonly<Record<string, z.ZodType>> = {
  string: z.string(),
  lengths: z.string().min(2).max(5),
  pattern: z.string().regex(/^[a-z]+-\d{2}$/),
  'pattern with lengths': z
    .string()
    .regex(/^[a-z]+$/)
    .min(2)
    .max(8),
  email: z.email(),
  'email of a string': z.string().email(),
  url: z.url(),
  uuid: z.uuid(),
  'uuid v4': z.uuidv4(),
  cuid: z.cuid(),
  ulid: z.ulid(),
  nanoid: z.nanoid(),
  ipv4: z.ipv4(),
  base64: z.base64(),
  date: z.iso.date(),
  datetime: z.iso.datetime(),
  'datetime with offset': z.iso.datetime({ offset: true }),
  time: z.iso.time(),
  duration: z.iso.duration(),
  'starts with': z.string().startsWith('sk-'),
  'ends with': z.string().endsWith('.ts'),
  includes: z.string().includes('@'),
  integer: z.int(),
  'integer in bounds': z.int().min(-3).max(120),
  positive: z.number().positive(),
  'multiple of': z.number().multipleOf(0.5),
  'multiple of in bounds': z.int().multipleOf(5).min(0).max(100),
  boolean: z.boolean(),
  nothing: z.null(),
  enum: z.enum(['red', 'green']),
  'enum of numbers': z.literal([1, 2, 3]),
  'several literals': z.literal(['a', 1, true, null]),
  nullable: z.string().nullable(),
  union: z.union([z.string(), z.number()]),
  object: z.object({ a: z.string(), b: z.number().optional(), c: z.boolean().default(true) }),
  strict: z.strictObject({ a: z.string(), b: z.string().optional() }),
  loose: z.looseObject({ a: z.string() }),
  catchall: z.object({ a: z.string() }).catchall(z.number()),
  nested: z.object({ name: z.string(), address, others: z.array(address).max(2) }),
  discriminated: z.object({ pet }),
  record: z.record(z.string(), z.number()),
  'record of an enum': z.record(z.enum(['a', 'b']), z.boolean()),
  'partial record': z.partialRecord(z.enum(['a', 'b']), z.boolean()),
  'record of a pattern': z.record(z.string().regex(/^[a-z]{1,3}$/), z.int()),
  list: z.array(z.string()).min(1).max(3),
  tuple: z.tuple([z.string(), z.number()]),
  'tuple with a rest': z.tuple([z.string()], z.number()),
  intersection: z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })),
  extended: z.object({ a: z.string() }).extend({ b: z.number() }).partial(),
  recursive: tree,
  any: z.object({ data: z.any(), more: z.unknown() }),
  json: z.json(),
  described: z.object({ city: z.string().describe('The city'), unit: z.enum(['C', 'F']).default('C') }),
  'reasoning steps': z.object({
    steps: z.array(z.object({ explanation: z.string(), output: z.string() })),
    final: z.string(),
  }),
};

/** By the name of what they describe. */
export const zodSchemas: Readonly<Record<string, object>> = {
  ...mapped(four, (schema) => z.toJSONSchema(schema), 'zod 4'),
  ...mapped(
    { tuple: four.tuple!, positive: four.positive!, nested: four.nested!, recursive: tree },
    (schema) => z.toJSONSchema(schema, { target: 'draft-7' }),
    'zod 4, draft 7',
  ),
};

function mapped<T>(schemas: Readonly<Record<string, T>>, make: (schema: T) => object, by: string) {
  return Object.fromEntries(Object.entries(schemas).map(([name, one]) => [`${by} ${name}`, make(one)]));
}
