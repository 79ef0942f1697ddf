/** Runs a program that someone wrote: records it, checks it where there is a task, and says at which line something is wrong. */
import { messageOf, OptionError } from '../../core/errors.js';
import { Rng } from '../../core/rng.js';
import type { Tables } from '../../fabric/cores/tables.js';
import { Mesh } from '../../fabric/mesh.js';
import { Buffer } from '../../fabric/pe.js';
import type { FabricResult } from '../../fabric/result.js';
import { simulate } from '../../fabric/simulate.js';
import { Recorder } from '../../fabric/trace.js';
import { findWafer } from '../../machine/wafers.js';
import { layoutOf } from '../wafer/draw/mesh-layout.js';
import type { RecordedRun } from '../wafer/record/run.js';
import { TASKS, type Task, type TaskName } from './task.js';

/** What is told of a program: that it ran, and whether it does what was asked; or why it does not run. */
export type Verdict =
  | { readonly run: RecordedRun; readonly isRight: boolean; readonly said: string }
  | { readonly problem: string; readonly line: number | null };

/** A module as it was written, and where it was imported from: what the stack of an error names. */
export interface Source {
  readonly code: string;
  readonly address: string;
}

/** A loop for ever ends here. */
const MAX_CYCLES = 200_000;
const MOST_MOVES = 400_000;
const MOST_PES = 4096;
const DEFAULT = { width: 4, height: 4, elements: 16 } as const;
const SEED = 1;
const TOLERANCE = 1e-3;

/** The module as the sandbox can import it: the package is what `scope` names, and every line stays where it is. */
export function importable(code: string, scope: string): string {
  return code.replaceAll(
    /import\s*(\{[^}]*\})\s*from\s*(['"])waferflow\/fabric\2/g,
    (_, names: string) => `const ${names.replaceAll(/\bas\b/g, ':')} = ${scope}`,
  );
}

function wrong(given: string, expected: string, todo: string): OptionError {
  return new OptionError({ what: 'program', given, expected, todo });
}

/** What the default export of a module answers. */
interface Answer {
  readonly mesh: Mesh;
  readonly inputs: readonly Buffer[];
  readonly outputs: readonly Buffer[];
}

function answerOf(program: unknown, size: object): Answer {
  if (typeof program !== 'function') {
    throw wrong('no function as its default export', 'one', 'Write `export default function …`.');
  }
  const made: unknown = program(size);
  const given = made instanceof Mesh ? { mesh: made } : ((made ?? {}) as Partial<Answer>);
  if (!(given.mesh instanceof Mesh)) {
    throw wrong('an answer without a mesh', 'a Mesh, or { mesh, inputs, outputs }', 'Return the mesh.');
  }
  const buffers = (list: unknown): Buffer[] =>
    Array.isArray(list) ? list.filter((each): each is Buffer => each instanceof Buffer) : [];
  const { mesh } = given;
  if (mesh.width * mesh.height > MOST_PES) {
    throw wrong(`${mesh.width} x ${mesh.height} PEs`, `at most ${MOST_PES}`, 'Take a smaller mesh here.');
  }
  return {
    mesh,
    inputs: buffers('inputs' in given ? given.inputs : []),
    outputs: buffers('outputs' in given ? given.outputs : []),
  };
}

/** Runs what a module exports by default. */
export function runProgram(program: unknown, name: TaskName | null, { code, address }: Source): Verdict {
  const task: Task | null = name === null ? null : TASKS[name];
  const { width, height, elements } = task ?? DEFAULT;
  try {
    const machine = findWafer('wse-3');
    const { mesh, inputs, outputs } = answerOf(program, { machine, width, height, elements, type: 'f32' });
    if (task !== null && (inputs.length !== task.inputs || outputs.length !== task.outputs)) {
      throw wrong(
        `${inputs.length} inputs and ${outputs.length} outputs`,
        `${task.inputs} and ${task.outputs} buffers`,
        'Return { mesh, inputs, outputs }.',
      );
    }
    const rng = new Rng(SEED);
    for (const buffer of inputs) buffer.write(Array.from({ length: buffer.length }, () => rng.next()));
    const given = inputs.map((buffer) => [...buffer.read()]);
    const run = record(mesh, elements);
    return { run, ...judge(task, given, outputs, run.result) };
  } catch (error) {
    return { problem: messageOf(error), line: lineOf(error, { code, address }) };
  }
}

function record(mesh: Mesh, elements: number): RecordedRun {
  const recorder = new Recorder(mesh, null, MOST_MOVES);
  let tables: Tables | null = null;
  const result = simulate(mesh, {
    observer: recorder,
    spans: recorder,
    maxCycles: MAX_CYCLES,
    onTables: (made) => {
      tables = made;
      recorder.begin(made);
    },
  });
  if (tables === null) throw new RangeError('a run has tables');
  const { width, height } = mesh;
  return {
    request: { program: 'your program', width, height, elements, type: 'f32', machine: 'wse-3' },
    log: recorder.eventLog(),
    layout: layoutOf(mesh, tables),
    result,
    predictedCycles: null,
    maxAbsError: null,
  };
}

function judge(
  task: Task | null,
  given: readonly (readonly number[])[],
  outputs: readonly Buffer[],
  { cycles }: FabricResult,
): { isRight: boolean; said: string } {
  if (task === null) return { isRight: false, said: '' };
  for (const [i, wanted] of task.wanted(given).entries()) {
    const found = outputs[i]!.read();
    for (const [k, value] of wanted.entries()) {
      if (Math.abs((found[k] ?? Number.NaN) - value) <= TOLERANCE) continue;
      return {
        isRight: false,
        said: `Output ${i} is not right yet: number ${k} is ${found[k]?.toFixed(4) ?? 'not there'}, and should be ${value.toFixed(4)}.`,
      };
    }
  }
  if (task.below !== null && cycles >= task.below) {
    return {
      isRight: false,
      said: `All numbers are right, in ${cycles} cycles. It should take fewer than ${task.below}.`,
    };
  }
  return { isRight: true, said: `Right, in ${cycles} cycles.` };
}

/** The line of the program where an error arose, or that names the color it is about; null where neither is known. */
export function lineOf(error: unknown, { code, address }: Source): number | null {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const [, after = ''] = stack.split(`${address}:`);
  const found = /^\d+/.exec(after);
  if (found !== null) return Number(found[0]);
  const lines = code.split('\n');
  // What is said of colors in quotes, and of buffers before their bytes.
  for (const [, color, buffer] of messageOf(error).matchAll(/"([^"]+)"|\b([A-Za-z_]\w*) \d+ B\b/g)) {
    const name = color ?? buffer;
    const line = lines.findIndex((text) => text.includes(`'${name}'`) || text.includes(`"${name}"`));
    if (line >= 0) return line + 1;
  }
  return null;
}
