import { expect, it } from 'vitest';
import { complete } from '#src/server/road/complete.js';
import { nullWord } from '#src/testing/null-engine.js';
import { testServer } from './server.js';

it('answers on /health and /ready', async () => {
  const { url } = await testServer();
  expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ status: 'ready', model: 'null' });
  expect((await fetch(`${url}/ready`)).status).toBe(200);
  const missing = await fetch(`${url}/nothing`);
  expect(missing.status).toBe(404);
  expect(await missing.json()).toMatchObject({ error: { code: 'not_found' } });
});

it('completes text through the one road', async () => {
  const { context } = await testServer();
  const request = {
    id: 'a',
    prompt: { kind: 'text', text: 'hello' },
    caller: 'anonymous',
    tier: 'interactive',
    options: { maxTokens: 3 },
  } as const;
  const events = [];
  const completion = await complete(context, request, new AbortController().signal);
  for await (const event of completion) events.push(event);
  expect(events.map(({ type }) => type)).toEqual(['started', 'text', 'text', 'text', 'end']);
  expect(events[3]).toMatchObject({ text: nullWord(2) });
  expect(context.admission.load('interactive')).toEqual({ inFlight: 0, waiting: 0, waitingTokens: 0 });
});
