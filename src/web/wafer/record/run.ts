/** Runs mesh programs for the page, in a worker: the recording, and what the memory of a PE holds after a cycle. */
import { OptionError } from '../../../core/errors.js';
import { Rng } from '../../../core/rng.js';
import type { Tables } from '../../../fabric/cores/tables.js';
import type { Point } from '../../../fabric/geometry.js';
import type { Mesh } from '../../../fabric/mesh.js';
import { findProgram } from '../../../fabric/programs/index.js';
import type { FabricResult } from '../../../fabric/result.js';
import { type SimulateOptions, simulate } from '../../../fabric/simulate.js';
import { Recorder } from '../../../fabric/trace.js';
import { findWafer } from '../../../machine/wafers.js';
import { predictMeshProgram } from '../../../timing/mesh/programs.js';
import { type Layout, layoutOf } from '../draw/mesh-layout.js';
import type { RunRequest } from './request.js';
import { TINY_TOKEN, tinyModel } from './tiny-model.js';
import { TINY_MODEL } from './tiny-shape.js';

export interface RecordedRun {
  readonly request: RunRequest;
  /** The event log of docs/fabric-trace.md. */
  readonly log: Uint8Array<ArrayBuffer>;
  readonly layout: Layout;
  readonly result: FabricResult;
  readonly predictedCycles: number | null;
  /** Against the same sums in float64; null for a model. */
  readonly maxAbsError: number | null;
}

/** A buffer of a PE as it is after a cycle. */
export interface BufferNumbers {
  readonly name: string;
  readonly values: Float32Array;
}

/** Inputs are drawn from one seed, so a link shows everyone the same numbers. */
const SEED = 1;
/** What the page keeps of one run: 60 MB of event log. */
const MOST_MOVES = 3_000_000;

/** A program or a model, laid out with its numbers in place, as it is before it runs. */
interface Laid {
  readonly mesh: Mesh;
  readonly modelCycles: number | null;
  run(options: SimulateOptions): FabricResult;
  maxAbsError(): number | null;
}

async function lay(request: RunRequest): Promise<Laid> {
  if (request.program === TINY_MODEL.name) {
    const model = await tinyModel(request);
    const { mesh } = model;
    const run = (options: SimulateOptions): FabricResult => model.step(TINY_TOKEN, options).run;
    return { mesh, modelCycles: null, run, maxAbsError: () => null };
  }
  const { program, machine, ...size } = request;
  const prepared = findProgram(program).prepare({ machine: findWafer(machine), ...size });
  prepared.load(new Rng(SEED));
  return {
    mesh: prepared.mesh,
    modelCycles: prepared.modelCycles ?? null,
    run: (options) => simulate(prepared.mesh, options),
    maxAbsError: () => prepared.maxAbsError(),
  };
}

/**
 * Runs and records a program.
 *
 * @throws WaferflowError for what the machine cannot do, and for a run too long to be recorded here
 */
export async function record(request: RunRequest): Promise<RecordedRun> {
  const { mesh, modelCycles, run, maxAbsError } = await lay(request);
  const recorder = new Recorder(mesh, null, MOST_MOVES);
  let tables: Tables | null = null;
  const result = run({
    observer: recorder,
    spans: recorder,
    onTables: (made) => {
      tables = made;
      recorder.begin(made);
    },
  });
  if (tables === null) throw new RangeError('a run has tables');
  return {
    request,
    log: recorder.eventLog(),
    layout: layoutOf(mesh, tables),
    result,
    predictedCycles: predictMeshProgram(request.program, request, mesh.numbers) ?? modelCycles,
    maxAbsError: maxAbsError(),
  };
}

/** The numbers in a PE's buffers after a cycle, from the same program run again up to there. */
export async function memoryAfter(request: RunRequest, at: Point, cycle: number): Promise<BufferNumbers[]> {
  const { mesh, run } = await lay(request);
  if (at.x < 0 || at.y < 0 || at.x >= mesh.width || at.y >= mesh.height) {
    throw new OptionError({
      what: 'PE',
      given: `(${at.x}, ${at.y})`,
      expected: `a PE of the ${mesh.width} x ${mesh.height} rectangle`,
      todo: 'Choose a PE of the program.',
    });
  }
  if (cycle >= 0) run({ stopAfterCycle: cycle });
  return mesh
    .pe(at)
    .buffers.filter(({ type }) => type !== 'bytes')
    .map((buffer) => ({ name: buffer.name, values: buffer.read() }));
}
