/** What thousands of requests leave behind. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { RunningServer } from '#src/server/serve.js';
import { testServer } from './server.js';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function heapBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** Streams, whole answers, refusals and clients that leave, side by side. */
async function requests({ url }: RunningServer, count: number): Promise<void> {
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const controller = new AbortController();
      const kind = left % 4;
      const body = { prompt: `request ${left}`, max_tokens: kind === 2 ? -2 : 20, stream: kind !== 1 };
      try {
        const response = await fetch(`${url}/v1/completions`, {
          method: 'POST',
          body: JSON.stringify(body),
          signal: controller.signal,
        });
        if (kind === 3) controller.abort();
        await response.text();
      } catch (error) {
        if (!controller.signal.aborted) throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
}

it('thousands of requests leave less than a kilobyte each', async () => {
  const server = await testServer();
  await requests(server, 600);
  const before = await heapBytes();
  const count = 1200;
  await requests(server, count);
  const after = await heapBytes();
  expect((after - before) / count).toBeLessThan(1024);
  expect(server.context.admission.load('interactive').inFlight).toBe(0);
});
