/** `waferflow ps` and `stop`: what a running server has loaded, and taking a model out of its memory. */
import type { Command } from 'commander';
import { messageOf, OptionError, WaferflowError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { formatTable, printJson } from './output.js';

/** A server that does not answer, or not as one of these. */
class ServerError extends WaferflowError {}

interface RunningModel {
  readonly name: string;
  readonly size: number;
  /** ISO 8601; far away where it stays. */
  readonly expires_at?: string;
  readonly context_length?: number;
  readonly details?: { readonly quantization_level?: string };
}

const address = ['--url <url>', 'where the server is', 'http://127.0.0.1:8080'] as const;

export function registerPs(program: Command): void {
  program
    .command('ps')
    .description('what a running server has loaded')
    .option(...address)
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow ps --url http://127.0.0.1:8080')
    .action(({ url, json }: { url: string; json?: boolean }) => ps(url, json ?? false));
  program
    .command('stop')
    .description('have a running server unload a model, once its requests are over')
    .argument('<model>', 'a name that `waferflow ps` shows')
    .option(...address)
    .addHelpText('after', '\nExample:\n  $ waferflow stop glint')
    .action((model: string, { url }: { url: string }) => stop(url, model));
}

async function ps(url: string, json: boolean): Promise<void> {
  const models = await running(url);
  if (json) return printJson({ url, models });
  if (models.length === 0) console.log('Nothing is loaded yet.');
  else {
    const rows = models.map(({ name, size, expires_at, context_length, details }) => [
      name,
      formatBytes(size),
      details?.quantization_level ?? '-',
      context_length === undefined ? '-' : String(context_length),
      untilText(expires_at),
    ]);
    console.log(formatTable(['name', '>size', 'type', '>context', 'until'], rows));
  }
}

/** When a model goes if nobody asks for it, in words. */
function untilText(expiresAt: string | undefined): string {
  const ms = Date.parse(expiresAt ?? '') - Date.now();
  if (Number.isNaN(ms)) return '-';
  if (ms > YEAR_MS) return 'for ever';
  const seconds = Math.max(0, Math.round(ms / 1000));
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

const YEAR_MS = 365 * 86_400_000;

async function stop(url: string, model: string): Promise<void> {
  await ask(url, '/api/generate', { model, keep_alive: 0, stream: false });
  console.log(`${model} is unloaded, or will be when its requests are over`);
}

async function running(url: string): Promise<readonly RunningModel[]> {
  const { models } = (await ask(url, '/api/ps')) as { models?: readonly RunningModel[] };
  if (!Array.isArray(models)) throw refusal(url, '/api/ps', 'something else than a list of models');
  return models;
}

/** The JSON that a server answers with; its own words where it refuses. */
async function ask(given: string, path: string, body?: object): Promise<object> {
  const url = given.replace(/\/+$/, '');
  const key = process.env.WAFERFLOW_API_KEY;
  if (!URL.canParse(url)) {
    throw new OptionError({
      what: 'option url',
      given: JSON.stringify(given),
      expected: 'the address of a server',
      todo: 'Write, for example, http://127.0.0.1:8080.',
    });
  }
  const response = await fetch(`${url}${path}`, {
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
    headers: key ? { authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(10_000),
  }).catch((thrown: unknown) => {
    const cause = thrown instanceof Error && thrown.cause ? thrown.cause : thrown;
    throw refusal(url, path, `no answer (${messageOf(cause)})`, thrown);
  });
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return typeof answer === 'object' && answer !== null ? answer : {};
  const { error } = (answer ?? {}) as { error?: unknown };
  throw refusal(url, path, `HTTP ${response.status}${typeof error === 'string' ? `, ${error}` : ''}`);
}

function refusal(url: string, path: string, given: string, cause?: unknown): ServerError {
  return new ServerError(
    {
      what: `${url}${path}`,
      given,
      expected: 'a server of `waferflow serve`',
      todo: 'Start one with `waferflow serve`, or say with --url where it is; a key goes into WAFERFLOW_API_KEY.',
    },
    { cause },
  );
}
