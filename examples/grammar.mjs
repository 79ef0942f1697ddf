/** An answer that keeps a JSON schema: whatever the model, what it writes parses and validates. */
import { load } from 'waferflow';

const schema = {
  type: 'object',
  properties: {
    name: { type: 'string', maxLength: 12 },
    size: { enum: ['small', 'large'] },
    prices: { type: 'array', items: { type: 'integer' }, minItems: 1, maxItems: 3 },
  },
  required: ['name', 'size', 'prices'],
  additionalProperties: false,
};

const engine = await load();
const grammar = { type: 'jsonSchema', schema: JSON.stringify(schema) };
for await (const chunk of engine.generate('const item = ', { grammar, maxTokens: 200 }))
  if (chunk.done) console.log(JSON.parse(chunk.text));
await engine.close();
