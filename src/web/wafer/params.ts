/** What the wafer view shows, as its address says it; anything that makes no sense is replaced and told. */
import { CARD_NAMES } from '../../../models/card-names.js';
import { PROGRAMS } from '../../fabric/programs/index.js';
import { WAFERS } from '../../machine/wafers.js';
import { readChoice, readNumber } from '../state.js';
import { type Camera, parseCamera } from './draw/camera.js';
import type { RunRequest } from './record/request.js';
import { TINY_MODEL } from './record/tiny-shape.js';

export const COLOURINGS = ['op', 'utilisation', 'congestion', 'sram'] as const;
export type Colouring = (typeof COLOURINGS)[number];

/** Mesh programs, and a whole model that is small enough to be played like them. */
export const PLAYED: readonly {
  readonly name: string;
  readonly title: string;
  readonly elementsAre: string;
}[] = [TINY_MODEL, ...PROGRAMS];
const PROGRAM_NAMES = PLAYED.map(({ name }) => name);
export const MACHINE_NAMES: readonly string[] = WAFERS.map(({ name }) => name);

/** Sizes at which a program can be looked at, where the usual one makes too many moves to keep. */
export const EASY_SIZES: Readonly<Record<string, { width: number; height: number; elements: number }>> = {
  'prefill-layer': { width: 4, height: 4, elements: 16 },
};

/** Largest side of a rectangle that is played cycle by cycle, and the most elements. */
export const MOST_PES = 64;
export const MOST_ELEMENTS = 512;

export interface FabricShown {
  readonly kind: 'fabric';
  readonly run: RunRequest;
  /** The program beside it on the same rectangle, or null. */
  readonly against: RunRequest | null;
}

export interface ModelShown {
  readonly kind: 'model';
  readonly model: string;
  readonly machine: string;
  readonly users: number;
  readonly context: number;
}

/** A PE by its place on its wafer; for programs on its rectangle. */
export interface PickedPe {
  readonly wafer: number;
  readonly x: number;
  readonly y: number;
}

export interface WaferState {
  readonly shown: FabricShown | ModelShown;
  readonly colouring: Colouring;
  /** Null: play from the start. */
  readonly cycle: number | null;
  readonly camera: Camera | null;
  readonly pe: PickedPe | null;
  readonly wavelet: number | null;
  /** Null: so that a run takes about twenty seconds. */
  readonly speed: number | null;
  readonly perf: boolean;
  /** Sentences about what had to be changed. */
  readonly told: readonly string[];
}

type Params = Readonly<Partial<Record<string, string>>>;

const given = (params: Params, name: string): string | undefined => params[name];

export function readState(params: Params): WaferState {
  const told: string[] = [];
  const read = <T>({ value, told: sentence }: { readonly value: T; readonly told: string | null }): T => {
    if (sentence !== null) told.push(sentence);
    return value;
  };
  const number = (name: string, min: number, max: number, fallback: number, whole = true): number =>
    read(readNumber(params, { name, min, max, fallback, whole }));
  const optional = (name: string, max: number, whole = true): number | null =>
    given(params, name) === undefined ? null : number(name, 0, max, 0, whole);
  const machine = read(readChoice(params, 'machine', MACHINE_NAMES, 'wse-3'));
  let shown: WaferState['shown'];
  if (given(params, 'model') !== undefined) {
    shown = {
      kind: 'model',
      model: read(readChoice(params, 'model', CARD_NAMES, 'llama-3.1-8b')),
      machine,
      users: number('users', 1, 100_000, 1),
      context: number('context', 2, 10_000_000, 2048),
    };
  } else {
    const { width, height } = readPes(params, told);
    const run: RunRequest = {
      program: read(readChoice(params, 'run', PROGRAM_NAMES, 'decode-layer')),
      width,
      height,
      elements: number('n', 1, MOST_ELEMENTS, 64),
      type: read(readChoice(params, 'type', ['f32', 'f16'], 'f32')),
      machine,
    };
    const other =
      given(params, 'vs') === undefined ? null : read(readChoice(params, 'vs', PROGRAM_NAMES, run.program));
    shown = { kind: 'fabric', run, against: other === null ? null : { ...run, program: other } };
  }
  const camera = given(params, 'cam') === undefined ? null : parseCamera(params.cam!);
  if (given(params, 'cam') !== undefined && camera === null) {
    told.push(`“${params.cam!.slice(0, 24)}” for cam is no camera (x,y,pixels per PE): the whole is shown.`);
  }
  return {
    shown,
    colouring: read(readChoice(params, 'color', COLOURINGS, 'op')),
    cycle: optional('cycle', 1e9, false),
    camera,
    pe: readPe(given(params, 'pe'), told),
    wavelet: optional('wavelet', 2 ** 32),
    speed: given(params, 'speed') === undefined ? null : number('speed', 1, 1_000_000, 100, false),
    perf: given(params, 'perf') !== undefined,
    told,
  };
}

function readPes(params: Params, told: string[]): { width: number; height: number } {
  const text = given(params, 'pes');
  if (text === undefined) return { width: 8, height: 8 };
  const match = /^(\d{1,9})x(\d{1,9})$/.exec(text.trim());
  if (match === null) {
    told.push(`“${text.slice(0, 24)}” for pes is no rectangle such as 8x4: 8x8 is used.`);
    return { width: 8, height: 8 };
  }
  const clamp = (side: string): number => Math.min(MOST_PES, Math.max(1, Number(side)));
  const size = { width: clamp(match[1]!), height: clamp(match[2]!) };
  if (`${size.width}x${size.height}` !== `${Number(match[1])}x${Number(match[2])}`) {
    told.push(
      `${match[1]}x${match[2]} PEs are too many or too few to play cycle by cycle: ${size.width}x${size.height} is used (up to ${MOST_PES}x${MOST_PES}).`,
    );
  }
  return size;
}

function readPe(text: string | undefined, told: string[]): PickedPe | null {
  if (text === undefined) return null;
  const match = /^(?:(\d{1,4}):)?(\d{1,5}),(\d{1,5})$/.exec(text);
  if (match === null) {
    told.push(`“${text.slice(0, 24)}” for pe is no place such as 3,2: no PE is picked.`);
    return null;
  }
  return { wafer: Number(match[1] ?? 0), x: Number(match[2]), y: Number(match[3]) };
}

export function formatPe({ wafer, x, y }: PickedPe): string {
  return wafer === 0 ? `${x},${y}` : `${wafer}:${x},${y}`;
}

/** The parameters of an address that shows this; the rest of the state is added by what changes it. */
export function paramsOf(shown: WaferState['shown']): Record<string, string | undefined> {
  const none = { run: undefined, pes: undefined, n: undefined, type: undefined, vs: undefined };
  if (shown.kind === 'model') {
    const { model, machine, users, context } = shown;
    return { ...none, model, machine, users: String(users), context: String(context) };
  }
  const { run, against } = shown;
  return {
    model: undefined,
    users: undefined,
    context: undefined,
    run: run.program,
    pes: `${run.width}x${run.height}`,
    n: String(run.elements),
    type: run.type === 'f32' ? undefined : run.type,
    machine: run.machine,
    vs: against?.program,
  };
}
