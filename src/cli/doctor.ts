/** `waferflow doctor`: what this machine has, what is missing, and how to get it. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { Command } from 'commander';
import { formatBytes } from '../core/units.js';
import { type LocalModel, localModels } from '../platform/node/models.js';
import { printJson } from './output.js';

/** Something that is missing, and how to get it. */
interface Problem {
  readonly what: string;
  readonly todo: string;
}

interface Report {
  readonly node: { readonly version: string; readonly required: string; readonly ok: boolean };
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly sharedArrayBuffer: boolean;
  readonly embeddedModel: LocalModel | null;
  readonly problems: readonly Problem[];
}

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what this machine has, what is missing, and how to get it')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow doctor')
    .action(({ json }: { json?: boolean }) => {
      const report = examine();
      if (json) printJson(report);
      else print(report);
      if (report.problems.length > 0) process.exitCode = 1;
    });
}

function examine(): Report {
  const required = requiredNode();
  const node = { version: process.versions.node, required, ok: isAtLeast(process.versions.node, required) };
  const embeddedModel = localModels().find(({ source }) => source === 'embedded') ?? null;
  const sharedArrayBuffer = typeof SharedArrayBuffer === 'function';
  const problems: Problem[] = [];
  if (!node.ok) {
    problems.push({ what: `Node.js ${node.version} is too old`, todo: `Install ${required} or later.` });
  }
  if (!sharedArrayBuffer) {
    problems.push({ what: 'no SharedArrayBuffer', todo: 'Run Node.js without flags that disable it.' });
  }
  if (!embeddedModel) {
    problems.push({
      what: 'the embedded model is missing',
      todo: 'Check out the repository again, or fetch another model with `waferflow models pull`.',
    });
  }
  return {
    node,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    sharedArrayBuffer,
    embeddedModel,
    problems,
  };
}

/** The lowest Node.js version that package.json asks for. */
function requiredNode(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const { engines } = JSON.parse(text) as { engines: { node: string } };
  return engines.node.replace(/^>=\s*/, '');
}

function isAtLeast(version: string, required: string): boolean {
  const [a, b] = [version, required].map((text) => text.split('.').map(Number));
  for (let i = 0; i < b!.length; i++) {
    if (a![i] !== b![i]) return (a![i] ?? 0) > b![i]!;
  }
  return true;
}

function print(report: Report): void {
  const { node, embeddedModel } = report;
  const lines: [string, string][] = [
    ['Node.js', `${node.version} (${node.required} or later)`],
    ['system', `${report.platform}, ${report.cpu}, ${report.cores} cores`],
    ['memory', `${formatBytes(report.memory.freeBytes)} free of ${formatBytes(report.memory.totalBytes)}`],
    ['threads', report.sharedArrayBuffer ? 'shared memory works' : 'no shared memory'],
    [
      'embedded model',
      embeddedModel ? `${embeddedModel.name}, ${formatBytes(embeddedModel.sizeBytes)}` : 'missing',
    ],
  ];
  for (const [label, value] of lines) console.log(`${label.padEnd(16)}${value}`);
  for (const { what, todo } of report.problems) console.log(`\nmissing: ${what}. ${todo}`);
  if (report.problems.length === 0) console.log('\nNothing is missing.');
}
