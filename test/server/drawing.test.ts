/** How tokens are drawn where a request says nothing: by the model's file on every surface, else by the API. */
import { describe, expect, it } from 'vitest';
import type { GenerateOptions } from '#src/runtime/types.js';
import { post, ScriptedEngine } from '../clients/scripted.js';
import { testServer } from './server.js';

const messages = [{ role: 'user', content: 'x' }];
const surfaces: readonly (readonly [string, object, GenerateOptions])[] = [
  ['/v1/chat/completions', { messages }, { temperature: 1 }],
  ['/v1/completions', { prompt: 'x' }, { temperature: 1 }],
  ['/v1/responses', { input: 'x' }, { temperature: 1, topP: 1 }],
  ['/v1/messages', { model: 'null', messages, max_tokens: 9 }, { temperature: 1 }],
  ['/api/chat', { model: 'null', messages, stream: false }, { temperature: 0.8, topK: 40, topP: 0.9 }],
  ['/api/generate', { model: 'null', prompt: 'x', stream: false }, { temperature: 0.8, topK: 40, topP: 0.9 }],
  ['/completion', { prompt: 'x' }, { temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05 }],
];

const recommended = { temperature: 0.3, topK: 7, repetitionPenalty: 1.1 } as const;

async function askedFor(sampling: GenerateOptions, path: string, body: object): Promise<GenerateOptions> {
  const engine = new ScriptedEngine('ok');
  Object.assign(engine.info, { sampling });
  const server = await testServer({ load: () => Promise.resolve(engine) });
  expect((await post(server.url + path, body)).status).toBe(200);
  return engine.seen[0]!.options;
}

describe.each(surfaces)('%s', (path, body, api) => {
  it('draws as the API does where nobody says anything', async () => {
    expect(await askedFor({}, path, body)).toMatchObject(api);
  });

  it('draws as the file recommends, and ends where the server says', async () => {
    const { temperature, topK, repetitionPenalty, seed, maxTokens } = await askedFor(
      { ...recommended, seed: 5, maxTokens: 4 },
      path,
      body,
    );
    expect({ temperature, topK, repetitionPenalty, seed }).toEqual({ ...recommended, seed: 5 });
    expect(maxTokens).toBe(path === '/v1/messages' ? 9 : 4);
  });

  it('draws as the request says, and then nothing of the recommendation holds', async () => {
    const given = path.startsWith('/api/') ? { options: { temperature: 0 } } : { temperature: 0 };
    const options = await askedFor(recommended, path, { ...body, ...given });
    expect(options.temperature).toBe(0);
    expect(options.repetitionPenalty).toBeUndefined();
  });
});
