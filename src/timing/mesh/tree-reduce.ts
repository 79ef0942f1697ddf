/**
 * A reduction over any tree on a line, by recursion over the tree: a PE folds its children in one after the other,
 * nearest first, and streams what comes of the last one on to its parent. Star, chain, binary tree and two-phase
 * are such trees (Luczynski et al., HPDC 2024); where the paper bounds their cost, this counts it.
 */
import { type Line, stepCycles } from './collectives.js';

/** `parent[i] < i` for every PE but the root, PE 0. */
type Tree = readonly number[];

/** Everyone is a child of the root. */
export const starTree = (pes: number): Tree => Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : 0));

/** Round r joins pairs 2^r apart: PE i sends over its lowest set bit. */
export const binaryTree = (pes: number): Tree =>
  Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : i & (i - 1)));

/** Chains inside groups, then a chain over the groups' first PEs. */
export const twoPhaseTree = (pes: number, group: number): Tree =>
  Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : i % group === 0 ? i - group : i - 1));

/** Cycles until the root holds the sum of all PEs of the line. */
export function treeCycles(tree: Tree, { pes, wavelets, rampLatencyCycles }: Line): number {
  if (pes < 2) return 0;
  const children: number[][] = tree.map(() => []);
  for (const [i, parent] of tree.entries()) if (parent >= 0) children[parent]!.push(i);
  const firstOut = new Array<number>(pes).fill(0);
  let end = 0;
  // Children have higher numbers than their parents, so going down every child is known before its parent.
  for (let i = pes - 1; i >= 0; i--) {
    let free = 0;
    let arrival = 0;
    for (const child of children[i]!) {
      const natural = firstOut[child]! + stepCycles(rampLatencyCycles) + child - i;
      // Only a stream that is relayed further pays for having waited: it has its rate again a little later.
      const relayed = i > 0 && child === children[i]!.at(-1);
      const waited = Math.max(0, free - natural);
      arrival = natural + waited + (relayed ? restartCycles(waited, child - i, wavelets) : 0);
      free = arrival + wavelets;
    }
    firstOut[i] = arrival;
    end = free;
  }
  return end;
}

/** Cycles of waiting after which one more router of the way behind the stream has filled up. */
const FILL_CYCLES = 5;

/**
 * What a stream that waited loses when it may go on: the routers behind it filled up one after the other, and each
 * but the first two gives two cycles away until its queue moves again. Counted on the cycle-level simulation.
 */
function restartCycles(waited: number, hops: number, wavelets: number): number {
  if (wavelets < 2) return 0;
  return Math.min(2 * Math.max(0, hops - 2), 2 * Math.floor(waited / FILL_CYCLES), wavelets);
}
