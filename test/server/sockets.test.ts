/** Many sockets on the embedded model; bench/server/sockets.mjs does the same with 1,000 and 200 and measures. */
import { expect, it } from 'vitest';
import { load } from '#src/index.js';
import { testServer } from './server.js';
import { connect, isTerminal, responseOf } from './socket-client.js';

it('serves 24 streams at once among 100 idle sockets without an error, and each gets its own text', async () => {
  const server = await testServer({
    load: () => load(undefined, { maxRunning: 24, kvTokens: 24 * 128, workers: 1 }),
    model: { id: 'glint' },
  });
  const idle = await Promise.all(Array.from({ length: 100 }, () => connect(server.url)));
  const busy = await Promise.all(Array.from({ length: 24 }, () => connect(server.url)));
  const body = { temperature: 0, max_output_tokens: 12, store: false };
  const texts = await Promise.all(
    busy.map(async (client, i) => {
      client.send({ type: 'response.create', input: `function f${i % 4}(a: number) {`, ...body });
      const frames = await client.until(isTerminal);
      const deltas = frames.flatMap((frame) =>
        frame.type === 'response.output_text.delta' ? [frame.delta] : [],
      );
      const [message] = responseOf(frames).output as [{ content: [{ text: string }] }];
      expect(deltas.join('')).toBe(message.content[0].text);
      return message.content[0].text;
    }),
  );
  // Company changes nothing: the same question, the same answer.
  for (const [i, text] of texts.entries()) expect(text).toBe(texts[i % 4]);
  for (const { ws } of idle) expect(ws.readyState).toBe(ws.OPEN);
  const stats = (await server.ready).stats();
  expect(stats).toMatchObject({ running: 0, waiting: 0, kvPages: { used: 0 } });
  const last = idle[99]!;
  expect(responseOf(await last.respond({ ...body, input: 'function f1(a: number) {' })).output).toMatchObject(
    [{ content: [{ text: texts[1] }] }],
  );
});
