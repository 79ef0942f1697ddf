/** Why a run does not end, in words: who waits for what, and what lies in the queues. */
import { MachineError } from '../../core/errors.js';
import { formatPoint, neighbour, PORTS } from '../geometry.js';
import type { Mesh } from '../mesh.js';
import type { Pe, Task } from '../pe.js';
import type { ActiveOp } from './active-op.js';
import type { FabricCore, QueueContent } from './core.js';
import type { Tables } from './tables.js';

/** Enough to see the pattern; a stuck wafer can have a million queues. */
const SHOWN = 6;

type Ops = readonly (ActiveOp | undefined)[];

/** Work in flight and nothing moves. */
export function deadlock(
  mesh: Mesh,
  tables: Tables,
  core: FabricCore,
  ops: Ops,
  blocked: readonly Task[],
): MachineError {
  const busy = new Set(ops.map((op) => op?.pe));
  const idle = blocked.filter((task) => !busy.has(task.pe));
  const circle = circleOfWaits(mesh, ops);
  const waiters = [...describeOps(core, ops), ...idle.map((task) => describeTask(task))];
  return new MachineError({
    what: `mesh program on ${mesh.width} x ${mesh.height} PEs, cycle ${core.now}`,
    given: `a deadlock: nothing moves${circle}; ${list(waiters, 'waiting')}; ${list(describeQueues(tables, core), 'queues')}`,
    expected: 'every wavelet to be taken and every program to end',
    todo: 'Check that senders and receivers agree on colors, counts and switch positions.',
  });
}

/** PEs that wait for one another in a circle, if there is one: each for a color that the next one has to give or take. */
function circleOfWaits(mesh: Mesh, ops: Ops): string {
  const stuck = ops.filter((op) => op !== undefined);
  const waiting = new Set(stuck.map((op) => op.pe));
  const way: ActiveOp[] = [];
  const done = new Set<ActiveOp>();
  const follow = (op: ActiveOp): string | null => {
    const start = way.indexOf(op);
    if (start >= 0) {
      const steps = way.slice(start).map((each) => `PE ${formatPoint(each.pe.at)} ${does(each)}`);
      return `, in a circle of waits: ${[...steps, `PE ${formatPoint(op.pe.at)}`].join(', for ')}`;
    }
    if (done.has(op) || way.length > MOST_WAITS) return null;
    way.push(op);
    for (const pe of partnersOf(mesh, op)) {
      if (!waiting.has(pe)) continue;
      // A PE is held up by whatever it waits for; what it does on the very color that is missing is no cause.
      for (const next of stuck) {
        const isSame = next.input === op.output && next.output === op.input;
        const circle = next.pe === pe && !isSame ? follow(next) : null;
        if (circle !== null) return circle;
      }
    }
    way.pop();
    done.add(op);
    return null;
  };
  for (const op of stuck) {
    const circle = follow(op);
    if (circle !== null) return circle;
  }
  return '';
}

/** Longer circles are told by their waiters alone. */
const MOST_WAITS = 64;

const does = ({ input, output }: ActiveOp): string =>
  input === null ? `waits to send "${output!.name}"` : `waits to receive "${input.name}"`;

/** The PEs at the other ends of the color that an operation waits for. */
function partnersOf(mesh: Mesh, { pe, input, output }: ActiveOp): Pe[] {
  const color = (input ?? output)!;
  const seen = new Set([mesh.index(pe.at)]);
  const found: Pe[] = [];
  const places = [pe.at];
  for (let at = places.pop(); at !== undefined; at = places.pop()) {
    for (const { rx, tx } of mesh.routeAt(at, color)?.positions ?? []) {
      for (const port of input === null ? tx : rx) {
        if (port === 'RAMP') {
          if (at !== pe.at) found.push(mesh.pe(at));
          continue;
        }
        const next = neighbour(at, port);
        if (seen.has(mesh.index(next))) continue;
        seen.add(mesh.index(next));
        places.push(next);
      }
    }
  }
  return found;
}

export function cycleLimit(
  mesh: Mesh,
  tables: Tables,
  core: FabricCore,
  ops: Ops,
  limit: number,
): MachineError {
  return new MachineError({
    what: `mesh program on ${mesh.width} x ${mesh.height} PEs`,
    given: `more than ${limit} cycles; ${list(describeOps(core, ops), 'active')}; ${list(describeQueues(tables, core), 'queues')}`,
    expected: `an end within ${limit} cycles`,
    todo: 'Raise the cycle limit, or make the program smaller.',
  });
}

function describeOps(core: FabricCore, ops: Ops): string[] {
  return ops.flatMap((op, slot) => {
    if (op === undefined) return [];
    const left = `${core.remaining(slot)} of ${op.words} words left`;
    const from = op.input === null ? '' : ` from color "${op.input.name}"`;
    const to = op.output === null ? '' : ` to color "${op.output.name}"`;
    return [`PE ${formatPoint(op.pe.at)}${from}${to}, ${left}`];
  });
}

function describeTask({ pe, name }: { readonly pe: Pe; readonly name: string }): string {
  return `task "${name}" of PE ${formatPoint(pe.at)}`;
}

function describeQueues(tables: Tables, core: FabricCore): string[] {
  return core.contents().map(({ node, where, words }: QueueContent) => {
    const [router, color] = [tables.nodes.router[node]!, tables.nodes.color[node]!];
    const place = where === 'CE' ? 'CE input' : `input ${PORTS[where]}`;
    const shown = words.slice(0, 3).map((word) => `0x${(word >>> 0).toString(16).padStart(8, '0')}`);
    const more = words.length > shown.length ? ', ...' : '';
    return `PE ${formatPoint(tables.routers[router]!)} ${place} color "${tables.colors[color]!.name}" holds ${words.length} [${shown.join(', ')}${more}]`;
  });
}

function list(items: readonly string[], title: string): string {
  if (items.length === 0) return `${title}: none`;
  const more = items.length > SHOWN ? ` and ${items.length - SHOWN} more` : '';
  return `${title}: ${items.slice(0, SHOWN).join('; ')}${more}`;
}
