/** Two replicas behind HAProxy, by the example of deploy/: one is killed under 200 streams, and one drains. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { freePort, hasRedis, type Run, start, startRedis, until } from '../cli/capacity-runs.js';
import { ROOT } from '../cli/cli.js';
import { eventually, words } from './server.js';

const hasBalancer = spawnSync('haproxy', ['-v']).status === 0;
if (!hasBalancer) process.stderr.write('skipped: haproxy is not installed\n');

const REPLICA = join(import.meta.dirname, 'replica.mjs');
const TOKENS = 40;

describe.skipIf(!hasRedis || !hasBalancer)('two replicas behind a balancer', () => {
  let folder = '';
  let redisPort = 0;
  let redis: Run;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'waferflow-balancer-'));
    redisPort = await freePort();
    redis = await startRedis(redisPort, folder);
  });
  afterAll(async () => {
    redis.child.kill('SIGKILL');
    await redis.ended;
    rmSync(folder, { recursive: true });
  });

  async function balanced(options: object) {
    const replicas: (Run & { url: string })[] = [];
    for (let i = 0; i < 2; i++) {
      const run = start(process.execPath, [
        REPLICA,
        JSON.stringify({ redis: `redis://127.0.0.1:${redisPort}`, ...options }),
      ]);
      onTestFinished(() => void run.child.kill('SIGKILL'));
      await until('a replica', () => run.stdout().includes('\n'));
      replicas.push({ ...run, url: run.stdout().trim() });
    }
    const port = await freePort();
    const [one, two] = replicas.map(({ url }) => new URL(url).host);
    const balancer = start(
      'env',
      [
        `PORT=${port}`,
        `REPLICA_1=${one}`,
        `REPLICA_2=${two}`,
        'haproxy',
        '-f',
        join(ROOT, 'deploy/haproxy.cfg'),
      ],
      folder,
    );
    onTestFinished(() => void balancer.child.kill('SIGKILL'));
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => expect((await fetch(`${url}/ready`)).status).toBe(200));
    return { url, replicas };
  }

  /** How one stream ended, and what it said. */
  async function stream(url: string, i: number, onBegin: () => void = () => undefined) {
    const body = { model: 'null', prompt: `prompt ${i}`, max_tokens: TOKENS, stream: true };
    let text = '';
    try {
      const response = await fetch(`${url}/v1/completions`, { method: 'POST', body: JSON.stringify(body) });
      if (!response.ok) return { end: 'refused', text, status: response.status } as const;
      let rest = '';
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + chunk).split('\n\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const data = /^data: (\{.*)$/m.exec(line)?.[1];
          if (line.includes('[DONE]')) return { end: 'whole', text } as const;
          if (data === undefined) continue;
          const event = JSON.parse(data) as { choices?: { text: string }[]; error?: object };
          if (event.error) return { end: 'error', text } as const;
          if (text === '') onBegin();
          text += event.choices?.[0]?.text ?? '';
        }
      }
      return { end: 'silent', text } as const;
    } catch {
      return { end: 'broken', text } as const;
    }
  }

  it('end every one of 200 streams or say that it broke, and double none, when one is killed', async () => {
    const { url, replicas } = await balanced({ tokensPerSecond: 10 });
    let begun = 0;
    const streams = Array.from({ length: 200 }, (_, i) =>
      stream(url, i, () => {
        if (++begun === 150) replicas[0]!.child.kill('SIGKILL');
      }),
    );
    const ends = await Promise.all(streams);
    const count = (kind: string): number => ends.filter(({ end }) => end === kind).length;
    const answer = words(TOKENS);
    for (const { end, text } of ends)
      expect(end === 'whole' ? text : answer.startsWith(text)).toBe(end === 'whole' ? answer : true);
    expect(count('silent')).toBe(0);
    // Both had some.
    expect(count('whole')).toBeGreaterThan(20);
    expect(count('broken') + count('error')).toBeGreaterThan(20);
    // The other one takes what comes next.
    await eventually(async () => expect(await stream(url, 1000)).toEqual({ end: 'whole', text: answer }));
  }, 60_000);

  it('lose nothing when one drains', async () => {
    const { url, replicas } = await balanced({ tokensPerSecond: 40 });
    const first = Array.from({ length: 40 }, (_, i) => stream(url, i));
    await new Promise((resolve) => setTimeout(resolve, 300));
    replicas[0]!.child.kill('SIGTERM');
    // As long as a balancer needs to see that it is not ready; what it still sends there is refused with a 503.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const ends = await Promise.all([...first, ...Array.from({ length: 40 }, (_, i) => stream(url, 100 + i))]);
    expect(ends.filter(({ end }) => end !== 'whole')).toEqual([]);
  }, 60_000);

  it('send conversations that begin alike to the same replica', async () => {
    const { url, replicas } = await balanced({ tokensPerSecond: null });
    const taken = async ({ url: own }: { url: string }): Promise<number> => {
      const text = await (await fetch(`${own}/metrics`)).text();
      return Number(/^waferflow:request_prompt_tokens_count (\d+)/m.exec(text)?.[1]);
    };
    const ask = (system: string, user: string) =>
      fetch(`${url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify({
          model: 'null',
          max_tokens: 1,
          messages: [
            { role: 'system', content: system },
            { role: 'user', content: user },
          ],
        }),
      }).then((response) => expect(response.status).toBe(200));
    for (let i = 0; i < 12; i++) await ask('You are the first.', `turn ${i}`);
    const counts = await Promise.all(replicas.map(taken));
    expect(counts).toContain(0);
    expect(counts).toContain(12);
    for (let i = 0; i < 24; i++) await ask(`You are number ${i}.`, 'turn');
    expect(Math.min(...(await Promise.all(replicas.map(taken))))).toBeGreaterThan(2);
  });
});
