/**
 * Writes packages.json: JSON schemas as zod 3, typebox and valibot make them, and those of the tools of public MCP servers. Run
 * where these are installed:
 *
 *     npm install zod zod-to-json-schema @sinclair/typebox valibot @valibot/to-json-schema @modelcontextprotocol/sdk \
 *       @modelcontextprotocol/server-{filesystem,memory,everything,sequential-thinking}
 *     node packages.mjs > packages.json
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.cwd()}/`);
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { Type: T } = await load('@sinclair/typebox');
const { z } = await load('zod/v3');
const { zodToJsonSchema } = await load('zod-to-json-schema');
const v = await load('valibot');
const { toJsonSchema } = await load('@valibot/to-json-schema');
const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = await load('@modelcontextprotocol/sdk/client/stdio.js');

const point = T.Object({ x: T.Number(), y: T.Number() });
const schemas = {
  'typebox object': T.Object({ a: T.String(), b: T.Optional(T.Number()) }),
  'typebox closed': T.Object({ a: T.Integer({ minimum: 1, maximum: 9 }) }, { additionalProperties: false }),
  'typebox union of literals': T.Union([T.Literal('a'), T.Literal('b'), T.Literal(3)]),
  'typebox tuple': T.Tuple([T.String(), T.Number()]),
  'typebox record': T.Record(T.String(), T.Number()),
  'typebox record of a pattern': T.Record(T.RegExp(/^[a-z]{2}$/), T.Boolean()),
  'typebox composite': T.Composite([point, T.Object({ z: T.Number() })]),
  'typebox intersect': T.Intersect([point, T.Object({ z: T.Number() })]),
  'typebox partial': T.Partial(point),
  'typebox array of unique': T.Array(T.Union([T.Literal('a'), T.Literal('b')]), { uniqueItems: true }),
  'typebox array': T.Array(point, { minItems: 1, maxItems: 2 }),
  'typebox formats': T.Object({
    mail: T.String({ format: 'email' }),
    when: T.String({ format: 'date-time' }),
    id: T.String({ format: 'uuid' }),
  }),
  'typebox template literal': T.TemplateLiteral([T.Literal('v'), T.Union([T.Literal('1'), T.Literal('2')])]),
  'typebox recursive': T.Recursive((self) => T.Object({ id: T.String(), nodes: T.Array(self) }), {
    $id: 'Node',
  }),
  'typebox multiple of': T.Number({ multipleOf: 0.1, minimum: 0, maximum: 1 }),
};
for (const [name, schema] of Object.entries({
  tuple: z.tuple([z.string(), z.number()]),
  record: z.record(z.string(), z.number()),
  email: z.object({ email: z.string().email(), site: z.string().url() }),
  intersection: z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })),
  'native enum': z.nativeEnum({ A: 'a', B: 'b' }),
  set: z.set(z.enum(['a', 'b'])),
  date: z.date(),
  positive: z.number().positive().multipleOf(0.25).max(4),
  map: z.map(z.string(), z.number()),
}))
  schemas[`zod 3 ${name}`] = zodToJsonSchema(schema);
for (const [name, schema] of Object.entries({
  object: v.object({ a: v.string(), b: v.optional(v.number()) }),
  'strict object': v.strictObject({ a: v.pipe(v.string(), v.email()) }),
  record: v.record(v.string(), v.number()),
  tuple: v.tuple([v.string(), v.number()]),
  picklist: v.picklist(['a', 'b']),
  variant: v.variant('type', [
    v.object({ type: v.literal('a'), n: v.number() }),
    v.object({ type: v.literal('b'), s: v.nullable(v.string()) }),
  ]),
  pipes: v.object({
    n: v.pipe(v.number(), v.integer(), v.minValue(1)),
    s: v.pipe(v.string(), v.maxLength(5)),
  }),
}))
  schemas[`valibot ${name}`] = toJsonSchema(schema);

for (const [name, args] of [
  ['filesystem', ['.']],
  ['memory', []],
  ['everything', []],
  ['sequential-thinking', []],
]) {
  const folder = require.resolve(`@modelcontextprotocol/server-${name}/package.json`);
  const client = new Client({ name: 'schemas', version: '1.0.0' });
  const entry = folder.replace('package.json', 'dist/index.js');
  await client.connect(
    new StdioClientTransport({ command: process.execPath, args: [entry, ...args], stderr: 'ignore' }),
  );
  for (const tool of (await client.listTools()).tools) schemas[`mcp ${name} ${tool.name}`] = tool.inputSchema;
  await client.close();
}
process.stdout.write(`${JSON.stringify(schemas, null, 1)}\n`);
