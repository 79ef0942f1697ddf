/** The page's hand on the fabric worker, and the recordings it has made. */
import type { Point } from '../../../fabric/geometry.js';
import type { Remote } from '../../../runtime/link.js';
import { linkTo, type Thread } from '../../ui/thread.js';
import { Activity } from './activity.js';
import type { Answered, FabricApi } from './api.js';
import { Loads, type SlowOp, slowestOps } from './loads.js';
import { Recording } from './recording.js';
import type { RunRequest } from './request.js';
import type { BufferNumbers, RecordedRun } from './run.js';

/** A recorded run with everything that the view asks of it. */
export interface Playable {
  readonly run: RecordedRun;
  readonly recording: Recording;
  readonly activity: Activity;
  readonly loads: Loads;
  readonly slowest: readonly SlowOp[];
}

const MOST_SLOW = 8;
/** Recordings kept, so that going back and forth between two runs does not run them again. */
const MOST_KEPT = 6;

let link: Thread<FabricApi> | null = null;

function start(): Thread<FabricApi> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    type: 'module',
    name: 'waferflow-fabric',
  });
  return linkTo(worker, 'the fabric’s thread', () => {
    link = null;
  });
}

function ask<T>(question: (api: Remote<FabricApi>) => Promise<Answered<T>>): Promise<Answered<T>> {
  link ??= start();
  return Promise.race([question(link.api), link.failed]);
}

const kept = new Map<string, Promise<Answered<Playable>>>();

/** Runs a program, or gives the recording of an equal run; a problem is a sentence. */
export function play(request: RunRequest): Promise<Answered<Playable>> {
  const key = JSON.stringify(request);
  const known = kept.get(key);
  if (known !== undefined) return known;
  const made = ask((api) => api.record(request)).then((answered) =>
    'problem' in answered ? answered : { value: playableOf(answered.value) },
  );
  kept.set(key, made);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
  made.catch(() => kept.delete(key));
  return made;
}

/** A recorded run as the view asks of it. */
export function playableOf(run: RecordedRun): Playable {
  const recording = new Recording(run.log);
  const activity = new Activity(recording, run.layout);
  const slowest = slowestOps(recording, MOST_SLOW);
  return { run, recording, activity, loads: new Loads(activity), slowest };
}

export function memoryAfter(
  request: RunRequest,
  at: Point,
  cycle: number,
): Promise<Answered<readonly BufferNumbers[]>> {
  return ask((api) => api.memoryAfter(request, at, cycle));
}
