/** `waferflow ps`: what a running server has loaded. */
import type { Command } from 'commander';
import { messageOf, WaferflowError } from '../core/errors.js';
import { formatBytes } from '../core/units.js';
import { formatTable, printJson } from './output.js';

/** A server that does not answer, or not as one of these. */
class ServerError extends WaferflowError {}

interface RunningModel {
  readonly name: string;
  readonly size: number;
  readonly details?: { readonly quantization_level?: string };
}

export function registerPs(program: Command): void {
  program
    .command('ps')
    .description('what a running server has loaded')
    .option('--url <url>', 'where the server is', 'http://127.0.0.1:8080')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow ps --url http://127.0.0.1:8080')
    .action(({ url, json }: { url: string; json?: boolean }) => ps(url, json ?? false));
}

async function ps(url: string, json: boolean): Promise<void> {
  const models = await running(url.replace(/\/+$/, ''));
  if (json) return printJson({ url, models });
  if (models.length === 0) console.log('Nothing is loaded yet.');
  else {
    const rows = models.map(({ name, size, details }) => [
      name,
      formatBytes(size),
      details?.quantization_level ?? '-',
    ]);
    console.log(formatTable(['name', '>size', 'type'], rows));
  }
}

async function running(url: string): Promise<readonly RunningModel[]> {
  const key = process.env.WAFERFLOW_API_KEY;
  const refuse = (given: string, cause?: unknown): ServerError =>
    new ServerError(
      {
        what: `${url}/api/ps`,
        given,
        expected: 'a server of `waferflow serve`',
        todo: 'Start one with `waferflow serve`, or say with --url where it is; a key goes into WAFERFLOW_API_KEY.',
      },
      { cause },
    );
  if (!URL.canParse(url)) throw refuse('no address');
  const response = await fetch(`${url}/api/ps`, {
    headers: key ? { authorization: `Bearer ${key}` } : {},
    signal: AbortSignal.timeout(10_000),
  }).catch((thrown: unknown) => {
    const cause = thrown instanceof Error && thrown.cause ? thrown.cause : thrown;
    throw refuse(`no answer (${messageOf(cause)})`, thrown);
  });
  if (!response.ok) throw refuse(`HTTP ${response.status}`);
  const { models } = (await response.json().catch(() => ({}))) as { models?: readonly RunningModel[] };
  if (!Array.isArray(models)) throw refuse('something else than a list of models');
  return models;
}
