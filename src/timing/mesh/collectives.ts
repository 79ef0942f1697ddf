/**
 * What a collective costs on a line of PEs, in closed form. One model stands behind all of them: a collective
 * takes `max(C, E/N + L) + (2 T_R + 1) D` cycles, with C the wavelets that the busiest PE sends or receives, E
 * the hops of all wavelets, N the links, L the longest distance and D the longest chain of dependent CE steps.
 * Source: Luczynski et al., "Near-Optimal Wafer-Scale Reduce", HPDC 2024, arXiv:2404.15888. The K-tree toward
 * the centre is from He et al., "WaferLLM", OSDI 2025; its closed form is derived here by counting its chains.
 */
import { foldRoot, ktreeGroup } from '../../placement/reduce.js';

/** A line of `pes` PEs, `wavelets` 32-bit wavelets per PE, and the ramp latency T_R between router and CE. */
export interface Line {
  readonly pes: number;
  readonly wavelets: number;
  readonly rampLatencyCycles: number;
}

/** The five quantities of the cost model, in wavelets, hops, links, hops and CE steps. */
export interface CollectiveShape {
  readonly contentionWavelets: number;
  readonly energyHops: number;
  readonly links: number;
  readonly distanceHops: number;
  readonly depth: number;
}

/** Cycles of one CE step that depends on another: up one ramp, one cycle of work, down the other. */
export function stepCycles(rampLatencyCycles: number): number {
  return 2 * rampLatencyCycles + 1;
}

/** The cost model itself: `max(C, E/N + L) + (2 T_R + 1) D`. */
export function collectiveCycles(shape: CollectiveShape, rampLatencyCycles: number): number {
  const { contentionWavelets, energyHops, links, distanceHops, depth } = shape;
  if (links === 0) return 0;
  return (
    Math.max(contentionWavelets, energyHops / links + distanceHops) + stepCycles(rampLatencyCycles) * depth
  );
}

/** Multicast flood from one end: `B + P + 2 T_R`. */
export function broadcastCycles({ pes, wavelets, rampLatencyCycles }: Line): number {
  return pes < 2 ? 0 : wavelets + pes + 2 * rampLatencyCycles;
}

/** Flood along the first row, then down every column: `B + M + N - 2 + 2 T_R + 1` on M x N PEs. */
export function broadcast2dCycles(
  columns: number,
  rows: number,
  wavelets: number,
  rampLatencyCycles: number,
): number {
  return columns * rows < 2 ? 0 : wavelets + columns + rows - 2 + stepCycles(rampLatencyCycles);
}

/** Everyone sends to the root, nearest first: `B (P - 1) + 2 T_R + 1`. */
export function starReduceCycles({ pes, wavelets, rampLatencyCycles }: Line): number {
  return pes < 2 ? 0 : wavelets * (pes - 1) + stepCycles(rampLatencyCycles);
}

/** The vendor's reduce, a pipelined chain: `B + (2 T_R + 2) (P - 1)`. */
export function chainReduceCycles({ pes, wavelets, rampLatencyCycles }: Line): number {
  return pes < 2 ? 0 : wavelets + (stepCycles(rampLatencyCycles) + 1) * (pes - 1);
}

/** Binary tree, log2 P rounds; an approximation, P rounded up to a power of two. */
export function treeReduceCycles({ pes, wavelets, rampLatencyCycles }: Line): number {
  if (pes < 2) return 0;
  const rounds = Math.ceil(Math.log2(pes));
  return collectiveCycles(
    {
      contentionWavelets: wavelets * rounds,
      energyHops: (wavelets * rounds * pes) / 2,
      links: pes - 1,
      distanceHops: pes - 1,
      depth: rounds,
    },
    rampLatencyCycles,
  );
}

/** Chains inside groups of about sqrt P, then a chain over the group leaders; an approximation. */
export function twoPhaseReduceCycles(line: Line, group = ktreeGroup(line.pes)): number {
  const { pes, wavelets, rampLatencyCycles } = line;
  if (pes < 2) return 0;
  const groups = Math.ceil(pes / group);
  const inside = pes - groups;
  const between = (groups - 1) * group;
  return collectiveCycles(
    {
      contentionWavelets: (group > 1 ? wavelets : 0) + (groups > 1 ? wavelets : 0),
      energyHops: wavelets * (inside + between),
      links: pes - 1,
      distanceHops: pes - 1,
      depth: group - 1 + (groups - 1),
    },
    rampLatencyCycles,
  );
}

/**
 * Ring on a line, its ends joined by one long way: `2 (P-1) B/P + 4P - 6 + 2 (P-1)(2 T_R + 1)`, B/P rounded up
 * since a chunk is whole wavelets.
 */
export function ringAllreduceCycles({ pes, wavelets, rampLatencyCycles }: Line): number {
  if (pes < 2) return 0;
  const steps = 2 * (pes - 1);
  return steps * Math.ceil(wavelets / pes) + 4 * pes - 6 + steps * stepCycles(rampLatencyCycles);
}

/** The vendor's all-reduce: a chain to one end, then a broadcast back. */
export function chainAllreduceCycles(line: Line): number {
  return chainReduceCycles(line) + broadcastCycles(line);
}

/** Cycles of two chains that meet in the middle of `stations` PEs, `spacing` hops apart, low side first. */
function centreChainCycles(
  stations: number,
  spacing: number,
  wavelets: number,
  rampLatencyCycles: number,
): number {
  if (stations < 2) return 0;
  const low = stations >> 1;
  const sides = stations > 2 ? 2 : 1;
  return sides * wavelets + (stepCycles(rampLatencyCycles) + spacing) * low;
}

/** K-tree reduce (K = 2) toward the centre: chains in groups of `group`, then over the groups' centres. */
export function ktreeReduceCycles(line: Line, group = ktreeGroup(line.pes)): number {
  const { pes, wavelets, rampLatencyCycles } = line;
  const inside = centreChainCycles(Math.min(group, pes), 1, wavelets, rampLatencyCycles);
  return inside + centreChainCycles(Math.ceil(pes / group), group, wavelets, rampLatencyCycles);
}

/** K-tree reduce to the centre, then a flood from there to both ends. */
export function ktreeAllreduceCycles(line: Line, group = ktreeGroup(line.pes)): number {
  const { pes, wavelets, rampLatencyCycles } = line;
  if (pes < 2) return 0;
  const root = foldRoot({ algorithm: 'ktree', axis: 'x', parts: pes, groupSize: group });
  const back = broadcastCycles({ pes: Math.max(root, pes - 1 - root) + 1, wavelets, rampLatencyCycles });
  return ktreeReduceCycles(line, group) + back;
}
