/** What the page draws of a run, held against the simulator's event log and its own account. */
import { describe, expect, it } from 'vitest';
import { loadCard } from '#src/platform/node/cards.js';
import { findWafer } from '../../src/machine/wafers.js';
import { planOnWafers } from '../../src/timing/wafer/estimate.js';
import { waveletsAt } from '../../src/web/wafer/draw/anatomy.js';
import { decodePhases, momentAt, phaseCycles } from '../../src/web/wafer/placed/phases.js';
import { tilesOf, weightBytesByPe } from '../../src/web/wafer/placed/tiles.js';
import { Activity, STATES } from '../../src/web/wafer/record/activity.js';
import { Loads, slowestOps } from '../../src/web/wafer/record/loads.js';
import { Recording } from '../../src/web/wafer/record/recording.js';
import type { RunRequest } from '../../src/web/wafer/record/request.js';
import { memoryAfter, record } from '../../src/web/wafer/record/run.js';

async function runOf(program: string, width: number, height: number, elements: number) {
  const request: RunRequest = { program, width, height, elements, type: 'f32', machine: 'wse-2' };
  const run = await record(request);
  const recording = new Recording(run.log);
  return { request, run, recording, activity: new Activity(recording, run.layout) };
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Wavelets by queue as the log's moves leave them, replayed one by one from the start: slow, and by itself. */
class Replay {
  /** `router port color` to wavelets in the order in which they came. */
  readonly queues = new Map<string, number[]>();
  private readonly recording: Recording;
  private next = 0;

  constructor(recording: Recording) {
    this.recording = recording;
  }

  /** Carries out all moves up to the end of a cycle. */
  through(cycle: number): void {
    const { moves, routers, pes, header } = this.recording;
    const links = routers.length * 5;
    const routerAt = new Map(routers.map(({ x, y }, i) => [`${x} ${y}`, i]));
    for (; this.next < header.moves && moves[this.next * 5]! <= cycle; this.next++) {
      const [, way, color, , id] = moves.subarray(this.next * 5, this.next * 5 + 5) as unknown as number[];
      if (way! >= links) {
        const ce = (way! - links) % pes.length;
        const router = routerAt.get(`${pes[ce]!.x} ${pes[ce]!.y}`)!;
        if (way! < links + pes.length) this.push(`${router} 4 ${color}`, id!);
        else this.pop(`${router} 5 ${color}`, id!);
        continue;
      }
      const router = Math.floor(way! / 5);
      const port = way! % 5;
      for (let p = 0; p < 5; p++) this.pop(`${router} ${p} ${color}`, id!);
      const { x, y } = routers[router]!;
      const [dx, dy] = [
        [0, -1],
        [1, 0],
        [0, 1],
        [-1, 0],
        [0, 0],
      ][port]!;
      const there = routerAt.get(`${x + dx!} ${y + dy!}`)!;
      this.push(`${there} ${port === 4 ? 5 : (port + 2) % 4} ${color}`, id!);
    }
  }

  private push(key: string, id: number): void {
    this.queues.set(key, [...(this.queues.get(key) ?? []), id]);
  }

  private pop(key: string, id: number): void {
    const queue = this.queues.get(key);
    if (queue?.[0] === id) queue.shift();
  }

  get content(): string[] {
    return [...this.queues].flatMap(([key, ids]) => ids.map((id) => `${key} ${id}`)).sort(byText);
  }
}

const PROGRAMS: [string, number, number, number][] = [
  ['broadcast', 5, 3, 7],
  ['reduce-star', 6, 1, 5],
  ['reduce-two-phase', 9, 4, 6],
  ['allreduce-ring', 6, 1, 12],
  ['gemv', 8, 8, 32],
  ['gemm-mesh', 4, 4, 16],
  ['decode-layer', 4, 4, 16],
  ['tiny-llama', 3, 2, 16],
];

describe.each(PROGRAMS)('%s on %i x %i PEs', async (program, width, height, elements) => {
  const { run, recording, activity, request } = await runOf(program, width, height, elements);
  const { cycles } = recording;
  const sampled = Array.from({ length: 24 }, (_, i) => Math.floor((i * (cycles + 2)) / 23));
  const drawnAt = (time: number): string[] =>
    waveletsAt(activity, time)
      .map(({ stay }) => {
        const { place, color, wavelet } = recording.stays;
        return `${Math.floor(place[stay]! / 6)} ${place[stay]! % 6} ${color[stay]} ${wavelet[stay]}`;
      })
      .sort(byText);

  it('draws exactly the wavelets that the event log has under way, forwards and backwards', () => {
    const replay = new Replay(recording);
    const wanted = new Map<number, string[]>();
    for (const cycle of sampled) {
      replay.through(cycle);
      wanted.set(cycle, replay.content);
    }
    expect(Math.max(...[...wanted.values()].map((list) => list.length))).toBeGreaterThan(0);
    for (const cycle of [...sampled, ...sampled.toReversed()]) {
      expect(drawnAt(cycle + 0.5), `cycle ${cycle}`).toEqual(wanted.get(cycle));
    }
    expect(drawnAt(cycles)).toEqual([]);
  });

  it('draws every wavelet between the two places of its move', () => {
    for (const cycle of sampled) {
      for (const { x, y } of waveletsAt(activity, cycle + 0.5)) {
        expect(x).toBeGreaterThan(0);
        expect(y).toBeGreaterThan(0);
        expect(x).toBeLessThan(width);
        expect(y).toBeLessThan(height);
      }
    }
  });

  it('counts what the account of the run counts', () => {
    const ways = Array.from({ length: recording.header.moves }, (_, move) => recording.way(move));
    expect(ways.filter(({ kind }) => kind === 'put')).toHaveLength(run.result.wavelets);
    expect(ways.filter(({ kind }) => kind === 'take')).toHaveLength(run.result.delivered);
    const hops = ways.filter((way) => way.kind === 'hop' && way.port !== 4);
    expect(hops).toHaveLength(run.result.hops);
    const loads = new Loads(activity);
    let counted = 0;
    for (let window = 0; window < loads.windows; window++) {
      const length = Math.min(loads.windowCycles, cycles - window * loads.windowCycles);
      counted += loads.total(window).hopsPerCycle * length;
    }
    expect(counted).toBeCloseTo(run.result.hops, 6);
  });

  it('says of every PE what it does, and why where it waits', () => {
    for (const cycle of sampled.filter((c) => c < cycles)) {
      const states = activity.states(cycle);
      for (let pe = 0; pe < recording.pes.length; pe++) {
        const tasks = activity.tasks(pe, cycle);
        const shown = Math.max(0, ...tasks.map(({ state }) => STATES.indexOf(state)));
        expect(states[pe]).toBe(shown);
        for (const { state, reason, words } of tasks) {
          expect(reason === '').toBe(!state.startsWith('waits'));
          if (words !== null) expect(words.done).toBeLessThanOrEqual(words.all);
        }
      }
    }
  });

  it('knows the longest operations', () => {
    const [first, second] = slowestOps(recording, 5);
    const { starts, ends } = recording.spans.intervals;
    const longest = Math.max(...starts.map((start, i) => ends[i]! - start));
    expect(first!.endCycle - first!.startCycle).toBe(longest);
    if (second) expect(second.endCycle - second.startCycle).toBeLessThanOrEqual(longest);
  });

  it('shows the numbers of a PE as they are after a cycle', async () => {
    const at = recording.pes[0]!;
    const before = await memoryAfter(request, at, -1);
    const after = await memoryAfter(request, at, cycles);
    expect(before.map(({ name }) => name)).toEqual(after.map(({ name }) => name));
    expect(await memoryAfter(request, at, cycles + 1000)).toEqual(after);
    if (program !== 'broadcast') expect(before).not.toEqual(after);
  });
});

describe('a word of a PE', () => {
  it('changes in the cycle in which its last wavelet is folded in', async () => {
    const { recording, request } = await runOf('reduce-chain', 3, 1, 2);
    const takes = Array.from({ length: recording.header.moves }, (_, move) => move).filter((move) => {
      const way = recording.way(move);
      return way.kind === 'take' && recording.pes[way.pe]!.x === 0;
    });
    const last = recording.moves[takes.at(-1)! * 5]!;
    const value = async (cycle: number): Promise<number> =>
      (await memoryAfter(request, { x: 0, y: 0 }, cycle))[0]!.values[1]!;
    expect(await value(last - 1)).toBe(await value(-1));
    expect(await value(last)).not.toBe(await value(-1));
    expect(await value(last)).toBe(await value(recording.cycles));
  });
});

describe.each(['llama-3.1-8b', 'llama-3.1-70b', 'gpt-oss-120b'])('%s on WSE-3', (name) => {
  const card = loadCard(name);
  const machine = findWafer('wse-3');
  const result = planOnWafers(card, machine, { promptTokens: 1024, outputTokens: 1024, concurrency: 1 });
  const placed = result.plan!;
  const step = decodePhases(machine, placed, result.decode, 1536);

  it('has phases that add up to the decode step of the timing model', () => {
    expect(step.cycles / step.clockHz / result.decode.seconds).toBeCloseTo(1, 9);
    expect(step.phases.filter(({ op }) => op === 'qkv')).toHaveLength(card.layers.length);
  });

  it('is in the same phase at a cycle whichever way time runs', () => {
    for (let i = 0; i <= 40; i++) {
      const cycle = (step.cycles * i) / 40;
      const { phase } = momentAt(step, cycle);
      expect(phase.startCycle).toBeLessThanOrEqual(cycle);
      expect(phase.startCycle + phaseCycles(phase)).toBeGreaterThanOrEqual(cycle - 1e-6);
    }
  });

  it('gives PEs tiles that add up to the weights of the region', () => {
    // The embedding may fill a region of its own, which has no matrices.
    const region = placed.regions.find(({ layers }) => layers.length > 0)!;
    const bytes = weightBytesByPe(placed, region);
    const total = bytes.reduce((sum, each) => sum + each, 0);
    const { width } = region.rect;
    const one = tilesOf(placed, region, 3, 5).reduce((sum, tile) => sum + tile.bytes, 0);
    expect(bytes[5 * width + 3]! / one).toBeCloseTo(1, 5);
    // Norms and, in the first region, the embedding are no matrices; a tied head is.
    const vocabulary = region.embedding ? card.vocabSize * card.hiddenSize * 2 : 0;
    expect(total / (region.weightBytes - vocabulary)).toBeGreaterThan(0.98);
    expect(total / region.weightBytes).toBeLessThan(1.01);
  });
});
