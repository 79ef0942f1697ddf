/** Searches and workers as processes that can be killed, and a real Redis server where there is one. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createServer } from 'node:net';
import { BINARY, ROOT } from './cli.js';

export interface Run {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The exit code; null after a signal. */
  readonly ended: Promise<number | null>;
}

export function start(file: string, args: readonly string[], cwd = ROOT): Run {
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.on('close', (code) => resolve(code));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

export function startWaferflow(args: readonly string[]): Run {
  return start(process.execPath, [BINARY, ...args]);
}

/** Waits until `isTrue`, looking every few milliseconds. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 240_000;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
if (!hasRedis) process.stderr.write('skipped: redis-server is not installed\n');

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** A Redis server that keeps nothing on disk. */
export async function startRedis(port: number, folder: string): Promise<Run> {
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
  ];
  const server = start('redis-server', args, folder);
  await until('redis', () => server.stdout().includes('Ready to accept connections'));
  return server;
}
