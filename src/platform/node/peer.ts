/** Peers of `bench`: other engines, installed apart in `bench/peers`, each in processes of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BenchCase, Entrant, Sample } from '../../bench/entrants.js';
import { EngineError } from '../../core/errors.js';

const PEERS = fileURLToPath(new URL('../../../../bench/peers/', import.meta.url));
/** Of what a process that fails has written to its error stream. */
const LAST_WORDS = 400;

/**
 * node-llama-cpp on a model; a run is made with each number of threads in turn, and the best of them counts.
 *
 * @throws EngineError when it is not installed
 */
export function openLlamaCpp({ path }: { readonly path: string }, directory = PEERS): Entrant {
  const installed = join(directory, 'node_modules/node-llama-cpp/package.json');
  if (!existsSync(installed)) {
    throw new EngineError({
      what: 'node-llama-cpp',
      given: `no ${installed}`,
      expected: 'it to be installed',
      todo: 'Run npm install in bench/peers of a checkout.',
    });
  }
  const { version } = JSON.parse(readFileSync(installed, 'utf8')) as { version: string };
  const counts = [...new Set([1, availableParallelism()])];
  const processes = counts.map(
    (threads) =>
      new PeerProcess([join(directory, 'engines.mjs'), 'node-llama-cpp', `${threads}`, path, 'serve']),
  );
  return {
    contender: 'node-llama-cpp',
    backend: `native llama.cpp (node-llama-cpp ${version}), best of ${counts.join(' and ')} threads`,
    isSerial: false,
    traffic: () => null,
    async run(_, of, signal) {
      let best: Sample | null = null;
      for (const one of processes) {
        const sample = await one.measure(of, signal);
        if (best === null || sample.tokensPerSecond > best.tokensPerSecond) best = sample;
      }
      return best!;
    },
    async close() {
      await Promise.all(processes.map((one) => one.close()));
    },
  };
}

/** One process that answers a line with a line. Started when it is needed first. */
class PeerProcess {
  private readonly args: readonly string[];
  private child: ChildProcess | null = null;
  private ended: Promise<unknown> = Promise.resolve();
  private lines: AsyncIterator<string> | null = null;
  private words = '';

  constructor(args: readonly string[]) {
    this.args = args;
  }

  /** @throws EngineError when the process ends without an answer, or the signal's reason */
  async measure(of: BenchCase, signal: AbortSignal): Promise<Sample> {
    const child = this.started();
    const stop = (): boolean => child.kill();
    signal.addEventListener('abort', stop, { once: true });
    try {
      child.stdin!.write(`${JSON.stringify(of)}\n`);
      const line = await this.lines!.next();
      signal.throwIfAborted();
      if (line.done === true) await this.ended;
      else return JSON.parse(line.value) as Sample;
    } finally {
      signal.removeEventListener('abort', stop);
    }
    throw new EngineError({
      what: `${this.args[1]} in a process of its own`,
      given: `its end with status ${child.exitCode ?? child.signalCode}: ${this.words.trim() || 'no message'}`,
      expected: 'a measurement',
      todo: 'Run it by hand in bench/peers, or install it again there.',
    });
  }

  async close(): Promise<void> {
    this.child?.kill();
    await this.ended;
  }

  private started(): ChildProcess {
    if (this.child !== null) return this.child;
    // Messages of the system in English, since a report quotes them.
    const env = { ...process.env, LANG: 'C' };
    const child = spawn(process.execPath, this.args, { env, stdio: 'pipe' });
    this.child = child;
    this.ended = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.words = (this.words + text).slice(-LAST_WORDS);
    });
    // What cannot be written any more shows as the end of its answers.
    child.stdin.on('error', () => undefined);
    return child;
  }
}
