/** Server and client in one process, so that a leak of either shows. The bench of ten minutes is bench/soak.mjs. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { openLineOf } from '#src/load/lines.js';
import { runLoad } from '#src/load/run.js';
import type { LoadApi } from '#src/load/types.js';
import { PromptWriter, workload } from '#src/load/workload.js';
import { testServer } from '../server/server.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

const roundRequests = 300;
const rounds = 4;

it.each<LoadApi>(['chat', 'responses-ws', 'msgpack'])(
  'keeps the heap flat under load through %s',
  async (api) => {
    const server = await testServer();
    const writer = new PromptWriter(0.3);
    const heaps: number[] = [];
    for (let seed = 1; seed <= rounds; seed++) {
      const result = await runLoad({
        api,
        seed,
        target: { url: server.url, apiKey: null, model: 'null' },
        openLine: openLineOf(api),
        workload: workload({
          requests: roundRequests,
          trace: null,
          lengths: { promptTokens: 400, outputTokens: 40 },
          limits: { context: 4096, promptTokens: 4096, outputTokens: 4096 },
          traceSpeed: null,
          rate: null,
          burstiness: 1,
          seed,
          writer,
        }),
        concurrency: 8,
        requestedPerSecond: null,
        goals: {},
        warmUp: [],
      });
      expect(result).toMatchObject({ requests: roundRequests, failed: 0, outputTokens: 40 * roundRequests });
      // What was sent last is given back in later turns.
      await new Promise((resolve) => setTimeout(resolve, 50));
      gc();
      heaps.push(process.memoryUsage().heapUsed);
    }
    // The first rounds compile code and fill bounded caches.
    const perRequest = (heaps[rounds - 1]! - heaps[1]!) / (roundRequests * (rounds - 2));
    expect(perRequest, `bytes kept per request; heaps ${heaps.join(', ')}`).toBeLessThan(1_000);
  },
);
