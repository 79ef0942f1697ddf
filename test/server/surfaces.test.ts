/** Bodies of any kind end in an answer or in an error of the client's, in the form of the surface. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { testServer } from './server.js';

const json = fc.jsonValue({ maxDepth: 3 });
const text = fc.constantFrom('', 'x', 'user', 'assistant', 'tool', 'null', 'text', 'json', 'auto', 'now');
/** A body whose fields have names that the surfaces know. */
const known = fc.dictionary(
  fc.constantFrom(
    ...[
      'messages',
      'prompt',
      'system',
      'tools',
      'tool_choice',
      'stop_sequences',
      'temperature',
      'top_p',
      'format',
    ],
    ...[
      'options',
      'suffix',
      'raw',
      'stream',
      'images',
      'logprobs',
      'top_logprobs',
      'thinking',
      'output_config',
    ],
  ),
  fc.oneof(
    json,
    text,
    fc.array(fc.record({ role: text, content: fc.oneof(text, fc.array(fc.record({ type: text, text }))) })),
    fc.array(
      fc.record({ name: text, input_schema: fc.dictionary(text, json), function: fc.record({ name: text }) }),
    ),
    fc.record({
      type: text,
      name: text,
      num_predict: fc.integer({ max: 5 }),
      top_p: fc.double(),
      seed: fc.integer(),
    }),
  ),
);

it.each(['/v1/messages', '/v1/messages/count_tokens', '/api/generate', '/api/chat', '/api/show'])(
  '%s never fails by itself',
  async (path) => {
    // Ollama's answers go on to the end of the context.
    const server = await testServer({}, { context: 300 });
    const ask = async (body: string): Promise<void> => {
      const response = await fetch(`${server.url}${path}`, { method: 'POST', body });
      const answer = await response.text();
      expect(response.status, `${body} -> ${answer}`).toBeLessThan(500);
      if (response.status < 400) return;
      const { error } = JSON.parse(answer) as { error: unknown };
      expect(typeof error).toBe(path.startsWith('/api/') ? 'string' : 'object');
    };
    await fc.assert(
      fc.asyncProperty(fc.oneof(json, known), (body) =>
        ask(
          JSON.stringify(
            typeof body === 'object' && body !== null && !Array.isArray(body)
              ? { model: 'null', max_tokens: 3, ...body }
              : body,
          ),
        ),
      ),
      { numRuns: 200 },
    );
    for (const body of ['', '{', '"', 'null', `${'['.repeat(5_000)}${']'.repeat(5_000)}`]) await ask(body);
  },
);
