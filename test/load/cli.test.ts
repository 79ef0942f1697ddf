import { describe, expect, it } from 'vitest';
import type { LoadResult } from '#src/load/types.js';
import { waferflow } from '../cli/cli.js';
import { sharedPath } from '../helpers/shared.js';
import { testServer } from '../server/server.js';

const traces = ['azure-llm-2023-conv.csv', 'mooncake-conversation.jsonl'];

describe('waferflow bench serve', () => {
  it('prints one JSON document with --json, and a table without', async () => {
    const server = await testServer();
    const args = [
      'bench',
      'serve',
      '--url',
      server.url,
      '--requests',
      '5',
      '--rate',
      'inf',
      '--goodput',
      'ttft:60000',
      'tpot:60000',
    ];
    const { code, stdout, stderr } = await waferflow([...args, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const result = JSON.parse(stdout) as LoadResult;
    expect(result).toMatchObject({ requests: 5, failed: 0, outputTokens: 5 * 32, concurrency: null });
    for (const part of [result.ttftMs, result.tpotMs, result.itlMs, result.e2elMs])
      expect(part.count).toBeGreaterThan(0);
    expect(result.goodput).toBeCloseTo(result.requestsPerSecond, 6);
    const text = await waferflow(args);
    expect(text.stdout).toMatch(/^=+ Serving Benchmark Result =+\nSuccessful requests: +5\n/);
  });

  it.each(traces)('replays %s at speed', async (name) => {
    const trace = sharedPath(`data/traces/${name}`);
    if (trace === null) return;
    const server = await testServer();
    const args = [
      'bench',
      'serve',
      '--url',
      server.url,
      '--trace',
      trace,
      '--speed',
      '100',
      '--requests',
      '40',
    ];
    const { code, stdout } = await waferflow([
      ...args,
      '--max-output-tokens',
      '16',
      '--max-prompt-tokens',
      '100',
      '--json',
    ]);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ requests: 40, failed: 0 });
  });

  it.each<[string, string[], number, RegExp]>([
    ['no server', ['--url', 'http://127.0.0.1:1'], 1, /waferflow serve/],
    ['no address', ['--url', 'nonsense'], 2, /--url/],
    ['a rate of nothing', ['--rate', '0'], 2, /above 0/],
    ['an odd goal', ['--goodput', 'speed:3'], 2, /ttft/],
    ['an unknown API', ['--api', 'smoke'], 2, /msgpack/],
    ['a trace that is not there', ['--trace', 'nowhere.csv'], 1, /nowhere\.csv: got no such file/],
    ['speed without a trace', ['--speed', '2'], 2, /--speed/],
  ])('says what is wrong: %s', async (_, args, code, message) => {
    const outcome = await waferflow(['bench', 'serve', ...args]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.code).toBe(code);
    expect(outcome.stdout).toBe('');
  });
});
