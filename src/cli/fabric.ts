/** `waferflow fabric`: a mesh program on the cycle-level wafer, and what the closed forms say it costs. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { FormatError, messageOf, OptionError } from '../core/errors.js';
import { Rng } from '../core/rng.js';
import { formatBytes } from '../core/units.js';
import { Mesh } from '../fabric/mesh.js';
import { findProgram, type NumberType, PROGRAMS } from '../fabric/programs/index.js';
import type { OwnProgram, Prepared, ProgramSize } from '../fabric/programs/program.js';
import type { FabricResult } from '../fabric/result.js';
import { MAX_CYCLES, simulate } from '../fabric/simulate.js';
import { Recorder, type Watch } from '../fabric/trace.js';
import { parseWafer } from '../machine/custom.js';
import { findWafer, WAFERS, type WaferMachine, waferNumbers } from '../machine/wafers.js';
import { writeFileAtomic } from '../platform/node/write-file.js';
import { predictMeshProgram } from '../timing/mesh/programs.js';
import { parseCount, parseNumber } from './options.js';
import { formatNumber, formatTable, printJson } from './output.js';
import { readTextFileSync } from './text-file.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** `8x4` is eight columns and four rows of PEs. */
function parsePes(text: string): Size {
  const match = /^(\d{1,6})x(\d{1,6})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected columns x rows, such as 8x4.');
  return { width: Number(match[1]), height: Number(match[2]) };
}

/** `pe=3,0`, `color=2`, `wavelet=17` or `cycles=100-200`. */
function parseWatch(text: string): Watch {
  const [kind, value = ''] = text.split('=', 2);
  if (kind === 'pe' && /^\d+,\d+$/.test(value)) {
    const [x, y] = value.split(',').map(Number);
    return { pe: { x: x!, y: y! } };
  }
  if (kind === 'color' && value !== '') return { color: value };
  if (kind === 'wavelet' && /^\d+$/.test(value)) return { wavelet: Number(value) };
  if (kind === 'cycles' && /^\d+-\d+$/.test(value)) {
    const [from, to] = value.split('-').map(Number);
    return { cycles: [from!, to!] };
  }
  throw new InvalidArgumentError('Expected pe=X,Y, color=NAME, wavelet=NUMBER or cycles=FROM-TO.');
}

/** A wafer by name or from a JSON file. */
export function machineOf(name: string): WaferMachine {
  if (!name.endsWith('.json')) return findWafer(name);
  return parseWafer(readTextFileSync(name), name);
}

/** Throws OptionError for a rectangle that the machine has no room for: the flag is wrong, no program failed. */
function requireFit({ width, height }: Size, machine: WaferMachine): void {
  const { usableColumns, usableRows } = waferNumbers(machine);
  if (width <= usableColumns && height <= usableRows) return;
  throw new OptionError({
    what: 'option pes',
    given: `${width}x${height}`,
    expected: `at most ${usableColumns}x${usableRows} on ${machine.name}`,
    todo: 'Choose a rectangle that fits, or a larger machine.',
  });
}

/** The flags of `waferflow fabric`. */
export interface FabricFlags {
  readonly pes: Size;
  readonly elements: number;
  readonly ffn?: number;
  readonly context?: number;
  readonly type: NumberType;
  readonly machine: string;
  readonly core: 'fast' | 'plain';
  readonly seed: number;
  readonly maxCycles: number;
  readonly trace?: string;
  readonly watch?: Watch;
  readonly cyclesOnly?: boolean;
  readonly json?: boolean;
}

interface FabricReport {
  readonly program: string;
  readonly machine: string;
  readonly pes: string;
  readonly elements: number;
  readonly type: NumberType;
  readonly cycles: number;
  readonly predictedCycles: number | null;
  readonly wavelets: number;
  readonly delivered: number;
  readonly hops: number;
  /** Null for a program that does not check itself. */
  readonly maxAbsError: number | null;
  readonly linkUtilisation: FabricResult['linkUtilisation'];
  readonly peUtilisation: FabricResult['peUtilisation'];
  readonly sramHighWaterBytes: number;
  readonly energyPj: number;
  /** What the simulation took on this machine, without laying out the mesh. */
  readonly measured: {
    readonly wallMs: number;
    readonly hopsPerSecond: number;
    readonly peCyclesPerSecond: number;
  };
}

/** The command, for those under it. */
export function registerFabric(program: Command): Command {
  return program
    .command('fabric')
    .description('run a mesh program on the cycle-level wafer, or `list` the programs')
    .argument('<program>', 'name of a mesh program, the path of a module of your own, or `list`')
    .addOption(
      new Option('--pes <WxH>', 'columns x rows of PEs')
        .argParser(parsePes)
        .default({ width: 8, height: 8 }, '8x8'),
    )
    .option('--elements <n>', 'elements per PE; for gemv and gemm the side of the matrix', parseCount, 64)
    .option('--ffn <n>', 'intermediate size of a layer, by default 8/3 of its elements', parseCount)
    .option('--context <n>', 'positions of decode-layer, by default as many as its elements', parseCount)
    .addOption(new Option('--type <type>', 'element type').choices(['f32', 'f16']).default('f32'))
    .option('--machine <name>', `${WAFERS.map(({ name }) => name).join(', ')}, or a JSON file`, 'wse-2')
    .option('--trace <file>', 'Chrome JSON for Perfetto, or the compact event log if it ends in .wfl')
    .option(
      '--watch <what>',
      'print what happens to pe=X,Y, color=NAME, wavelet=NUMBER or in cycles=FROM-TO',
      parseWatch,
    )
    .addOption(new Option('--core <core>', 'which simulation').choices(['fast', 'plain']).default('fast'))
    .option('--seed <n>', 'seed of the inputs', parseNumber, 1)
    .option('--max-cycles <n>', 'give up after so many cycles', parseCount, MAX_CYCLES)
    .option(
      '--cycles-only',
      'the same cycles without numbers, line by line: for decode-layer at the size of a wafer',
    )
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  waferflow fabric gemv --pes 8x8 --elements 64 --json\n  waferflow fabric decode-layer --pes 660x660 --elements 4096 --ffn 14336 --type f16 --cycles-only',
    )
    .action(async (name: string, flags: FabricFlags) => {
      if (name === 'list') list(flags.json === true);
      else if (flags.cyclesOnly === true) countCycles(name, flags);
      else await run(name, flags);
    });
}

function list(json: boolean): void {
  const programs = PROGRAMS.map(({ name, title, elementsAre }) => ({ name, title, elementsAre }));
  if (json) printJson({ programs });
  else {
    const rows = programs.map(({ name, title, elementsAre }) => [name, title, elementsAre]);
    process.stdout.write(`${formatTable(['program', 'what it does', '--elements'], rows)}\n`);
  }
}

/** The program of that name, or what the module at that path exports. */
async function prepareOf(name: string, size: ProgramSize): Promise<ReturnType<OwnProgram> | Prepared> {
  if (!/[./\\]/.test(name)) return findProgram(name).prepare(size);
  const wrong = (given: string, todo: string): FormatError =>
    new FormatError({
      what: `mesh program ${JSON.stringify(name)}`,
      given,
      expected: 'a module whose default export is a function that lays a mesh out for a size',
      todo,
    });
  if (!existsSync(name))
    throw wrong('no such file', 'Check the path; `waferflow fabric list` names the built-in ones.');
  let loaded: { readonly default?: unknown };
  try {
    loaded = (await import(pathToFileURL(resolve(name)).href)) as typeof loaded;
  } catch (error) {
    throw wrong(messageOf(error), 'Correct the module.');
  }
  if (typeof loaded.default !== 'function')
    throw wrong(`a default export of type ${typeof loaded.default}`, 'Export a function.');
  const prepared = (loaded.default as OwnProgram)(size);
  const mesh = prepared instanceof Mesh ? prepared : (prepared as { mesh?: unknown } | undefined)?.mesh;
  if (!(mesh instanceof Mesh))
    throw wrong('a function that gives no mesh', 'Return a Mesh, or { mesh, load, maxAbsError }.');
  return prepared;
}

async function run(name: string, flags: FabricFlags): Promise<void> {
  const machine = machineOf(flags.machine);
  requireFit(flags.pes, machine);
  const { elements, type, ffn, context } = flags;
  const size: ProgramSize = { machine, ...flags.pes, elements, type, ffn, context };
  const own = await prepareOf(name, size);
  const prepared = own instanceof Mesh ? { mesh: own } : own;
  prepared.load?.(new Rng(flags.seed));
  const recorder =
    flags.trace === undefined && flags.watch === undefined
      ? null
      : new Recorder(prepared.mesh, flags.watch ?? null);
  let start = 0;
  const result = simulate(prepared.mesh, {
    core: flags.core,
    maxCycles: flags.maxCycles,
    ...(recorder !== null && { observer: recorder, spans: recorder }),
    onTables: (tables) => {
      recorder?.begin(tables);
      start = performance.now();
    },
  });
  const wallMs = performance.now() - start;
  if (recorder !== null && flags.trace !== undefined) {
    const { trace } = flags;
    await writeFileAtomic(trace, trace.endsWith('.wfl') ? recorder.eventLog() : recorder.chromeJson());
  }
  if (recorder !== null && flags.watch !== undefined) {
    for (const line of recorder.lines()) process.stderr.write(`${line}\n`);
  }
  const report: FabricReport = {
    program: name,
    machine: machine.name,
    pes: `${size.width}x${size.height}`,
    elements,
    type,
    cycles: result.cycles,
    predictedCycles: predictMeshProgram(name, size, prepared.mesh.numbers) ?? prepared.modelCycles ?? null,
    wavelets: result.wavelets,
    delivered: result.delivered,
    hops: result.hops,
    maxAbsError: prepared.maxAbsError?.() ?? null,
    linkUtilisation: result.linkUtilisation,
    peUtilisation: result.peUtilisation,
    sramHighWaterBytes: result.sramHighWaterBytes,
    energyPj: result.energyPj,
    measured: {
      wallMs,
      hopsPerSecond: (result.hops / wallMs) * 1000,
      peCyclesPerSecond: ((result.cycles * prepared.mesh.workers().length) / wallMs) * 1000,
    },
  };
  if (flags.json === true) printJson(report);
  else process.stdout.write(describe(report, prepared.mesh.numbers.clockHz));
}

/** Cycles of a program that can tell them without its numbers. */
function countCycles(name: string, flags: FabricFlags): void {
  const machine = machineOf(flags.machine);
  requireFit(flags.pes, machine);
  const { elements, type, ffn, context } = flags;
  const size: ProgramSize = { machine, ...flags.pes, elements, type, ffn, context };
  const program = findProgram(name);
  if (program.cycles === undefined) {
    throw new OptionError({
      what: '--cycles-only',
      given: name,
      expected: `one of ${PROGRAMS.flatMap((each) => (each.cycles === undefined ? [] : [each.name])).join(', ')}`,
      todo: 'Leave --cycles-only out, or choose one of them.',
    });
  }
  const start = performance.now();
  const counted = program.cycles(size);
  const wallMs = performance.now() - start;
  const numbers = waferNumbers(machine);
  const predictedCycles = predictMeshProgram(name, size, numbers);
  const pes = `${size.width}x${size.height}`;
  if (flags.json === true) {
    printJson({
      program: name,
      machine: machine.name,
      pes,
      elements,
      type,
      ...counted,
      predictedCycles,
      measured: { wallMs },
    });
    return;
  }
  const { cycles, lines, simulated } = counted;
  const microseconds = formatNumber((cycles / numbers.clockHz) * 1e6);
  const predicted =
    predictedCycles === null
      ? ''
      : `, closed form ${formatNumber(Math.round(predictedCycles))} (${((100 * predictedCycles) / cycles - 100).toFixed(1)} %)`;
  console.log(
    `${name} on ${pes} PEs of ${machine.name}: ${formatNumber(cycles)} cycles, ${microseconds} µs at ${numbers.clockHz / 1e9} GHz${predicted}; ${formatNumber(simulated)} of ${formatNumber(lines)} lines simulated in ${formatNumber(wallMs / 1000)} s`,
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function describe(report: FabricReport, clockHz: number): string {
  const { cycles, predictedCycles, linkUtilisation, peUtilisation, measured } = report;
  const microseconds = (cycles / clockHz) * 1e6;
  const predicted =
    predictedCycles === null
      ? 'no closed form'
      : `${formatNumber(Math.round(predictedCycles))} (${((100 * predictedCycles) / cycles - 100).toFixed(1)} %)`;
  const rows = [
    [
      'simulated',
      `${formatNumber(cycles)} cycles`,
      `${formatNumber(microseconds)} µs at ${clockHz / 1e9} GHz`,
    ],
    ['closed form', predicted, ''],
    ['wavelets', formatNumber(report.wavelets), `delivered ${formatNumber(report.delivered)}`],
    ['hops', formatNumber(report.hops), ''],
    ['links', `${percent(linkUtilisation.mean)} busy`, `busiest ${percent(linkUtilisation.max)}`],
    ['PEs', `${percent(peUtilisation.mean)} busy`, `busiest ${percent(peUtilisation.max)}`],
    ['SRAM', formatBytes(report.sramHighWaterBytes), 'on the fullest PE'],
    ['energy', `${formatNumber(report.energyPj / 1000)} nJ`, 'from rough constants'],
    ...(report.maxAbsError === null
      ? []
      : [['largest error', report.maxAbsError.toExponential(2), 'against float64']]),
    [
      'measured here',
      `${formatNumber(measured.wallMs)} ms`,
      `${formatNumber(measured.hopsPerSecond / 1e6)} M hops/s, ${formatNumber(measured.peCyclesPerSecond / 1e6)} M PE-cycles/s`,
    ],
  ];
  const title = `${report.program} on ${report.pes} PEs of ${report.machine}, ${report.elements} elements, ${report.type}`;
  return `${title}\n${formatTable(['', '', ''], rows).trimStart()}\n`;
}
