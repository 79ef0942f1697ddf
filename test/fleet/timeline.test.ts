/** The memory over time: as coarse as it has to be, and its mean is the mean. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Rng } from '#src/core/rng.js';
import { Timeline } from '#src/fleet/measure/timeline.js';
import { STEADY } from '#src/fleet/requests/arrivals.js';
import { OpenSource } from '#src/fleet/requests/source.js';
import { simulateFleet } from '#src/fleet/simulate.js';
import { evenMachine, policy } from './bare.js';

const MOST = 240;

describe('a timeline', () => {
  it('holds the integral of what was added, bin by bin, at any length', () => {
    const stretch = fc.record({
      wait: fc.double({ min: 0, max: 40, noNaN: true }),
      lasts: fc.double({ min: 1e-6, max: 40, noNaN: true }),
      from: fc.nat(1000),
      to: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.array(stretch, { minLength: 1, maxLength: 60 }), (stretches) => {
        const timeline = new Timeline();
        timeline.begin(7);
        const lines: { from: number; to: number; at: (time: number) => number }[] = [];
        let now = 7;
        for (const { wait, lasts, from, to } of stretches) {
          // Copies overlap: each may begin before another's end.
          const begin = now + wait / 2;
          timeline.add(begin, begin + lasts, from, to);
          lines.push({
            from: begin,
            to: begin + lasts,
            at: (time) => from + ((time - begin) / lasts) * (to - from),
          });
          now = begin;
        }
        const points = timeline.points(100);
        expect(points.length).toBeLessThanOrEqual(MOST);
        let start = 0;
        for (const { seconds, kvOccupancy } of points) {
          let tokens = 0;
          for (const line of lines) {
            const a = Math.max(line.from, 7 + start);
            const b = Math.min(line.to, 7 + seconds);
            if (b > a) tokens += ((b - a) * (line.at(a) + line.at(b))) / 2;
          }
          expect(kvOccupancy * (seconds - start)).toBeCloseTo(tokens / 100, 6);
          start = seconds;
        }
        expect(start).toBeCloseTo(Math.max(...lines.map(({ to }) => to)) - 7, 9);
      }),
      { numRuns: 200 },
    );
  });

  it.each([100, 20_000])('of a fleet has the mean of the whole run, for %i requests', (requests) => {
    const source = new OpenSource(
      requests,
      { ...STEADY, requestsPerSecond: 20 },
      { kind: 'drawn', prompt: { kind: 'fixed', tokens: 50 }, output: { kind: 'exponential', mean: 30 } },
      0,
      new Rng(3),
    );
    const model = { ...evenMachine(8, 0.01), kvTokens: 1500 };
    const { seconds, kvOccupancy, kvOccupancyPeak, ...result } = simulateFleet(
      {
        replicas: [{ model, role: 'both' }],
        policy: policy(),
        routing: 'least-loaded',
        slo: { percentile: 99 },
        keepsTimeline: true,
      },
      source,
    );
    const timeline = result.timeline!;
    expect(timeline.length).toBeGreaterThan(MOST / 2 - 1);
    expect(timeline.length).toBeLessThanOrEqual(MOST);
    expect(timeline.at(-1)!.seconds).toBeCloseTo(seconds, 9);
    let held = 0;
    timeline.forEach((point, i) => {
      expect(point.kvOccupancy).toBeLessThanOrEqual(kvOccupancyPeak);
      held += point.kvOccupancy * (point.seconds - (timeline[i - 1]?.seconds ?? 0));
    });
    expect(held / seconds).toBeCloseTo(kvOccupancy, 9);
    expect(kvOccupancy).toBeGreaterThan(0.1);
  });
});
