/** A quick model beside a thorough one behind one name: who answers, and that drafts change no text. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { modeOf } from '#src/server/models/pair.js';
import { type RunningServer, type ServerOptions, startServer } from '#src/server/serve.js';
import { tinyModel } from '../helpers/tiny-model.js';

const quick = () => load(tinyModel({ seed: 1 }), { workers: 1 });
const thorough = () => load(tinyModel({ seed: 2 }), { workers: 1 });

function start(options: Partial<ServerOptions> = {}): Promise<RunningServer> {
  return startServer({
    load: quick,
    model: { id: 'quick' },
    models: [{ id: 'thorough', load: thorough }],
    pairs: [
      { name: 'both', quick: 'quick', thorough: 'thorough' },
      { name: 'checked', quick: 'quick', thorough: 'thorough', verifies: true },
    ],
    aliases: { 'gpt-4o': 'both' },
    port: 0,
    logLevel: 'silent',
    ...options,
  });
}

let server: RunningServer;

beforeAll(async () => {
  server = await start();
  await server.ready;
}, 60_000);
afterAll(() => server.close());

const answer = async (model: string, more: object = {}, { url } = server) => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  const { choices, usage } = await client.chat.completions.create({
    model,
    messages: [{ role: 'user', content: 'Hi' }],
    max_tokens: 24,
    temperature: 0,
    ...more,
    ...({ ignore_eos: true } as object),
  });
  const details = usage?.completion_tokens_details;
  const drafted = (details?.accepted_prediction_tokens ?? 0) + (details?.rejected_prediction_tokens ?? 0);
  return { text: choices[0]?.message.content, drafted };
};

describe('a pair', () => {
  it.each<[string, object, 'quick' | 'thorough']>([
    ['both', {}, 'quick'],
    ['both', { reasoning_effort: 'low' }, 'quick'],
    ['both', { reasoning_effort: 'high' }, 'thorough'],
    ['both', { service_tier: 'priority' }, 'thorough'],
    ['both:quick', { reasoning_effort: 'high' }, 'quick'],
    ['both:thorough', {}, 'thorough'],
    ['gpt-4o', { reasoning_effort: 'high' }, 'thorough'],
    ['gpt-4o', {}, 'quick'],
  ])('%s with %j is answered by the model for it', async (model, more, by) => {
    const { text, drafted } = await answer(model, more);
    expect(text).toBe((await answer(by)).text);
    expect(drafted).toBe(0);
  });

  it.each<[string, object]>([
    ['both:verified', {}],
    ['checked', { reasoning_effort: 'high' }],
    ['checked', { reasoning_effort: 'high', temperature: 1, seed: 7 }],
  ])('%s with %j has the thorough model’s text, drafted by the quick one', async (model, more) => {
    const sampling = { ...more, reasoning_effort: undefined };
    const { text, drafted } = await answer(model, more);
    expect(text).toBe((await answer('thorough', sampling)).text);
    expect(drafted).toBeGreaterThan(0);
  });

  it('answers the same where there is no room for both', async () => {
    const small = await start({ pool: { maxLoaded: 1 } });
    try {
      const { text, drafted } = await answer('both:verified', {}, small);
      expect(text).toBe((await answer('thorough')).text);
      expect(drafted).toBe(0);
    } finally {
      await small.close();
    }
  });

  it('knows the words of every API', () => {
    expect(modeOf({ reasoning: { effort: 'high' } })).toBe('thorough');
    expect(modeOf({ output_config: { effort: 'max' } })).toBe('thorough');
    expect(modeOf({ think: 'high' })).toBe('thorough');
    expect(modeOf({ think: true, service_tier: 'auto' })).toBe('quick');
    expect(modeOf(null)).toBe('quick');
  });
});
