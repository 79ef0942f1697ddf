/** A tool call by OpenAI's route, which a server of ours holds to the tool's schema, and the call carried out. */
import { load } from 'waferflow';
import { startServer } from 'waferflow/server';

const server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
await server.ready;
const add = {
  name: 'add',
  parameters: {
    type: 'object',
    properties: {
      a: { type: 'integer', maximum: 99, minimum: 0 },
      b: { type: 'integer', maximum: 99, minimum: 0 },
    },
    required: ['a', 'b'],
    additionalProperties: false,
  },
};
const response = await fetch(`${server.url}/v1/chat/completions`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    model: 'glint',
    messages: [{ role: 'user', content: 'Add 2 and 3.' }],
    tools: [{ type: 'function', function: add }],
    tool_choice: { type: 'function', function: { name: 'add' } },
    temperature: 0,
    max_tokens: 200,
  }),
});
const { choices } = await response.json();
const [call] = choices[0].message.tool_calls;
const { a, b } = JSON.parse(call.function.arguments);
console.log(`${call.function.name}(${a}, ${b}) = ${a + b}`);
await server.close();
