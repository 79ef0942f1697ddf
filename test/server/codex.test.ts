/**
 * A real agent: the Codex CLI completes a turn against this server, over HTTP and over WebSocket. The model has random
 * weights, so what it says is noise; that the turn ends well is what is tested.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { load } from '#src/index.js';
import { hashKey } from '#src/server/gate/keys.js';
import { scriptedServer } from '../clients/scripted.js';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { testServer } from './server.js';

const codex = fileURLToPath(new URL('../tools/node_modules/.bin/codex', import.meta.url));
const isInstalled = existsSync(codex);
if (!isInstalled) process.stderr.write('skipped: the Codex CLI is not installed in test/tools\n');

interface Turn {
  readonly status: number | null;
  /** One JSON event a line. */
  readonly events: readonly { readonly type: string }[];
  readonly errors: string;
}

async function runCodex(url: string, settings: readonly string[]): Promise<Turn> {
  const home = mkdtempSync(join(tmpdir(), 'waferflow-codex-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  writeFileSync(join(home, 'instructions.md'), 'You are a coding agent.');
  const all = [
    'model_provider=wf',
    'model=tiny',
    'model_instructions_file="instructions.md"',
    'model_providers.wf.name="wf"',
    `model_providers.wf.base_url="${url}/v1"`,
    'model_providers.wf.env_key="WF_KEY"',
    'model_providers.wf.wire_api="responses"',
    'model_providers.wf.stream_idle_timeout_ms=280000',
    ...settings,
  ];
  const args = ['exec', '--json', '--skip-git-repo-check', ...all.flatMap((one) => ['-c', one]), 'say hello'];
  const child = spawn(codex, args, {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, CODEX_HOME: home, WF_KEY: 'secret' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let out = '';
  let errors = '';
  child.stdout.on('data', (data) => {
    out += String(data);
  });
  child.stderr.on('data', (data) => {
    errors += String(data);
  });
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const events = out
    .split('\n')
    .flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as { type: string }] : []));
  return { status, events, errors };
}

it.skipIf(!isInstalled).each([
  ['HTTP', []],
  ['WebSocket', ['model_providers.wf.supports_websockets=true']],
])('completes a turn of the Codex CLI over %s', async (way, settings) => {
  const path = temporaryFile(
    tinyModel({
      hiddenSize: 32,
      numHiddenLayers: 1,
      numAttentionHeads: 1,
      numKeyValueHeads: 1,
      intermediateSize: 32,
    }),
  );
  const ropeScaling = { type: 'linear', factor: 96 } as const;
  const server = await testServer({
    load: () => load(path, { context: 49_152, kvTokens: 98_304, ropeScaling, workers: 1 }),
    model: { id: 'tiny' },
    keys: [{ name: 'codex', sha256: hashKey('secret'), requestsPerMinute: null, tokensPerMinute: null }],
  });
  const turn = await runCodex(server.url, settings);
  expect(
    turn.events.map(({ type }) => type),
    turn.errors,
  ).toContain('turn.completed');
  expect(turn.status).toBe(0);
  const stats = (await server.ready).stats();
  expect(stats.promptTokens).toBeGreaterThan(1000);
  // The warm-up has read the prompt; the request after it finds it in the cache.
  if (way === 'WebSocket') expect(stats.prefixHitTokens).toBeGreaterThan(1000);
});

it.skipIf(!isInstalled)("has a tool of Codex's MCP servers called, and reads its result", async () => {
  const call = '{"name": "mcp__wf__double", "arguments": {"n": 21}}';
  const { url, seen } = await scriptedServer(
    (prompt) =>
      prompt.includes('mcp__wf__double') && !prompt.includes('Result of the call') ? call : 'It is done.',
    { model: { id: 'tiny' } },
  );
  const file = fileURLToPath(new URL('../cli/mcp-server.mjs', import.meta.url));
  const turn = await runCodex(url, [
    `mcp_servers.wf.command=${JSON.stringify(process.execPath)}`,
    `mcp_servers.wf.args=[${JSON.stringify(file)}]`,
    'approval_policy="never"',
    'sandbox_mode="danger-full-access"',
  ]);
  expect(
    turn.events.map(({ type }) => type),
    JSON.stringify(turn.events),
  ).toContain('turn.completed');
  const results = seen.flatMap(({ prompt }) => prompt.match(/Result of the call [^:]*: .*42.*/s) ?? []);
  expect(results.length, turn.errors).toBeGreaterThan(0);
});
