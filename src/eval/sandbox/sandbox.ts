/** Runs code that a model wrote where it can do no harm: see `child.ts` for the walls. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '../../core/errors.js';
import type { Job, Verdict } from './types.js';

/** What the interpreter's own limits do not end, such as a regular expression that backtracks for ever. */
const wallMs = 5_000;
const startMs = 60_000;
const heapMegabytes = 256;

const script = fileURLToPath(new URL('./child.js', import.meta.url));
const packages = [
  'quickjs-emscripten-core',
  '@jitl/quickjs-ng-wasmfile-release-sync',
  '@swc/wasm-typescript',
];

export class Sandbox {
  private child: Promise<ChildProcess> | null = null;
  private queue: Promise<unknown> = Promise.resolve();

  /** The verdict on one job; jobs wait for each other. A job that hangs or kills its process gets `limit`. */
  run(job: Job): Promise<Verdict> {
    const verdict = this.queue.then(() => this.runNow(job));
    this.queue = verdict.catch(() => undefined);
    return verdict;
  }

  private async runNow(job: Job): Promise<Verdict> {
    this.child ??= start();
    const child = await this.child;
    const verdict = await answerOf(child, wallMs, () => child.send(job));
    if (isVerdict(verdict)) {
      // Memory that ran out may leave the interpreter in pieces.
      if (verdict.kind === 'limit') this.stop(child);
      return verdict;
    }
    this.stop(child);
    return { kind: 'limit', message: verdict };
  }

  private stop(child: ChildProcess): void {
    child.kill('SIGKILL');
    this.child = null;
  }

  /** Ends the process; the next job would start another. */
  async close(): Promise<void> {
    await this.queue;
    const child = await this.child?.catch(() => null);
    if (child) this.stop(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function start(): Promise<ChildProcess> {
  const child = fork(script, [], {
    execArgv: [...processWalls(), `--max-old-space-size=${heapMegabytes}`],
    // No variable of the user's reaches it.
    env: {},
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let words = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    words = (words + chunk.toString()).slice(-2000);
  });
  const answer = await answerOf(child, startMs, () => undefined);
  if (answer === 'ready') return child;
  child.kill('SIGKILL');
  throw new EngineError({
    what: 'the sandbox for code that models write',
    given: `a process that did not start: ${words.trim() || String(answer)}`,
    expected: 'Node.js with its permission model',
    todo: 'Use an official build of Node.js 20.19 or later.',
  });
}

/** Flags by which Node.js itself refuses files, processes and threads to whatever got out of the interpreter. */
export function processWalls(): string[] {
  // Node.js 20 has the permission model under another name.
  const hasFinalName = process.allowedNodeEnvironmentFlags.has('--permission');
  return [
    hasFinalName ? '--permission' : '--experimental-permission',
    ...readable().map((path) => `--allow-fs-read=${path}`),
  ];
}

/** Our own code and that of the libraries, wherever a package manager has put them. */
function readable(): string[] {
  const root = join(dirname(script), '..', '..', '..', '..');
  const beside: string[] = [];
  for (let folder = root; folder !== dirname(folder); folder = dirname(folder))
    beside.push(join(folder, 'node_modules'));
  const folders = packages.flatMap((name) => {
    const file = fileURLToPath(import.meta.resolve(name));
    return [file, realpathSync(file)].map((path) =>
      path.slice(0, path.indexOf(`${sep}node_modules${sep}`) + 14),
    );
  });
  return [
    ...new Set([
      join(root, 'package.json'),
      join(root, 'dist', '*'),
      ...[...folders, ...beside.filter((path) => existsSync(path))].map((path) => join(path, '*')),
    ]),
  ];
}

function isVerdict(answer: unknown): answer is Verdict {
  return typeof answer === 'object' && answer !== null && 'kind' in answer;
}

/** What the process says next, or in words why it says nothing. */
function answerOf(child: ChildProcess, limitMs: number, ask: () => void): Promise<Verdict | string> {
  return new Promise((resolve) => {
    const done = (answer: Verdict | string): void => {
      clearTimeout(timer);
      child.removeAllListeners('message').removeAllListeners('exit').removeAllListeners('error');
      child.on('error', () => undefined);
      resolve(answer);
    };
    const timer = setTimeout(() => done('out of time'), limitMs);
    child.once('message', (answer: Verdict | string) => done(answer));
    child.once('exit', (code, signal) => done(`the process ended with ${signal ?? code}`));
    child.once('error', (error) => done(error.message));
    ask();
  });
}
