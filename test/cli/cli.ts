/** Runs the built binary as a user would. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BINARY = `${ROOT}dist/src/cli/main.js`;
/** A trained model of 260,000 parameters, where the checkout has one beside it. */
export const STORIES = `${ROOT}../shared/models/stories260K/stories260K-q8_0.gguf`;
export const hasStories = existsSync(STORIES);

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Sent to standard input, which then ends; default: standard input is /dev/null. */
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with all of stdout so far; a returned signal is sent to the process, once. */
  readonly onStdout?: (stdout: string) => NodeJS.Signals | undefined;
}

/** Runs `waferflow ...args` to its end. */
export function waferflow(
  args: readonly string[],
  { input, env, onStdout }: RunOptions = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BINARY, ...args], {
      cwd: ROOT,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let isSignalled = false;
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      const signal = isSignalled ? undefined : onStdout?.(stdout);
      if (signal) isSignalled = child.kill(signal);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin?.end(input);
  });
}
