/** `waferflow doctor`: what this machine has, what is missing, and how to get it. */
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import type { Command } from 'commander';
import { formatBytes } from '../core/units.js';
import { type Bandwidth, measureBandwidth } from '../platform/node/bandwidth.js';
import { kernelBuilds } from '../platform/node/load.js';
import { type LocalModel, localModels } from '../platform/node/models.js';
import { provideWebGpu } from '../platform/node/webgpu.js';
import { tryBuilds } from '../runtime/program/kernels.js';
import { type SimdMode, simdNames } from '../runtime/types.js';
import { optionalPackages } from './failure.js';
import { formatNumber, printJson } from './output.js';

/** Something that is missing, and how to get it. */
interface Problem {
  readonly what: string;
  readonly todo: string;
}

interface Report {
  readonly node: { readonly version: string; readonly required: string; readonly ok: boolean };
  /** Packages that few commands need; WebGPU loads, or why not. */
  readonly optional: {
    readonly installed: number;
    readonly missing: readonly string[];
    readonly webgpu: string;
    readonly webgpuLoads: boolean;
  };
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory: { readonly totalBytes: number; readonly freeBytes: number };
  readonly sharedArrayBuffer: boolean;
  /** The ways to multiply that are exact on this engine, and the fastest of them, by trial. */
  readonly simd: { readonly available: readonly SimdMode[]; readonly chosen: SimdMode | null };
  /** Measured reads of memory beyond the caches, by one thread and by one per core. */
  readonly bandwidth: readonly Bandwidth[];
  readonly embeddedModel: LocalModel | null;
  readonly problems: readonly Problem[];
}

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('what this machine has, what is missing, and how to get it')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExample:\n  $ waferflow doctor')
    .action(async ({ json }: { json?: boolean }) => {
      const report = await examine();
      if (json) printJson(report);
      else print(report);
      if (report.problems.length > 0) process.exitCode = 1;
    });
}

async function examine(): Promise<Report> {
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
  const simd = await examineSimd();
  if (simd.available.length === 0) {
    problems.push({
      what: 'no WebAssembly SIMD with threads',
      todo: 'Run Node.js without flags that disable it.',
    });
  }
  if (!embeddedModel) {
    problems.push({
      what: 'the embedded model is missing',
      todo: 'Check out the repository again, or fetch another model with `waferflow models pull`.',
    });
  }
  const missingPackages = optionalPackages.filter(({ name }) => !isInstalled(name)).map(({ name }) => name);
  return {
    node,
    optional: {
      installed: optionalPackages.length - missingPackages.length,
      missing: missingPackages,
      ...(await webgpuState()),
    },
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    sharedArrayBuffer,
    simd,
    bandwidth: sharedArrayBuffer && simd.chosen !== null ? await measureBandwidth() : [],
    embeddedModel,
    problems,
  };
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

async function webgpuState(): Promise<{ readonly webgpu: string; readonly webgpuLoads: boolean }> {
  const gpu = await provideWebGpu();
  gpu.release();
  return { webgpu: gpu.adapter ?? gpu.reason, webgpuLoads: gpu.adapter !== null };
}

async function examineSimd(): Promise<Report['simd']> {
  if (!WebAssembly.validate(await kernelBuilds.read('simd'))) return { available: [], chosen: null };
  const { exact, fastest } = await tryBuilds(kernelBuilds);
  return { available: exact, chosen: fastest };
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
    ['Node.js', `${node.version} (${node.required} or later)${hostOf(process.versions)}`],
    ['system', `${report.platform}, ${report.cpu}, ${report.cores} cores`],
    ['memory', `${formatBytes(report.memory.freeBytes)} free of ${formatBytes(report.memory.totalBytes)}`],
    ['SIMD', simdLine(report.simd)],
    ['memory reads', report.bandwidth.map(bandwidthText).join(', ') || 'not measured'],
    ['threads', report.sharedArrayBuffer ? 'shared memory works' : 'no shared memory'],
    ['WebGPU', report.optional.webgpu],
    [
      'embedded model',
      embeddedModel ? `${embeddedModel.name}, ${formatBytes(embeddedModel.sizeBytes)}` : 'missing',
    ],
  ];
  for (const [label, value] of lines) console.log(`${label.padEnd(16)}${value}`);
  for (const { what, todo } of report.problems) console.log(`\nmissing: ${what}. ${todo}`);
  const { missing, webgpuLoads } = report.optional;
  for (const { name, use } of optionalPackages)
    if (missing.includes(name))
      console.log(`\noptional: ${name}, ${use}. Install it beside waferflow: npm install ${name}`);
  if (report.problems.length === 0)
    console.log(
      missing.length === 0 && webgpuLoads
        ? '\nNothing is missing.'
        : '\nNothing that running models needs is missing.',
    );
}

/** What stands in for Node.js here, if something does. */
function hostOf({ bun, deno }: NodeJS.ProcessVersions): string {
  if (bun !== undefined) return `, by Bun ${bun}`;
  return deno === undefined ? '' : `, by Deno ${deno}`;
}

function simdLine({ available, chosen }: Report['simd']): string {
  if (chosen === null) return 'none';
  const others = available.filter((mode) => mode !== chosen).map((mode) => simdNames[mode]);
  return `${simdNames[chosen]}${others.length > 0 ? `; also exact here: ${others.join(', ')}` : ''}`;
}

function bandwidthText({ threads, gigabytesPerSecond }: Bandwidth): string {
  return `${formatNumber(gigabytesPerSecond)} GB/s with ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
