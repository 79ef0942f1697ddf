/**
 * The generated reduce: the tree that the cost model likes best for a line of P PEs and B wavelets, found by
 * dynamic programming over the depth and the number of children allowed (Luczynski et al., HPDC 2024, section on
 * auto-generation). Cost: `max(C, E/N + L) + (2 T_R + 1) D`.
 */
import type { ReduceTree } from './reduce.js';
import { binaryTree, chainTree, childrenOf, starTree, twoPhaseTree } from './reduce.js';

/** Beyond this many PEs the search is left out: it grows with the cube of P. */
const MAX_SEARCHED = 96;
/** More children than this never pay: contention alone is then worse than a binary tree. */
const MAX_CHILDREN = 9;

/** Cycles that the model predicts for a tree. */
export function treeCycles(tree: ReduceTree, wavelets: number, rampLatencyCycles: number): number {
  if (tree.length < 2) return 0;
  const children = childrenOf(tree);
  const depth = tree.map(() => 0);
  let energy = 0;
  for (let i = tree.length - 1; i > 0; i--) {
    const parent = tree[i]!;
    energy += i - parent;
    depth[parent] = Math.max(depth[parent]!, depth[i]! + 1);
  }
  const contention = Math.max(...children.map((own) => own.length));
  const links = tree.length - 1;
  const flow = Math.max(wavelets * contention, (wavelets * energy) / links + links);
  return flow + (2 * rampLatencyCycles + 1) * depth[0]!;
}

/** The best tree among the searched ones and the named shapes. */
export function generatedTree(pes: number, wavelets: number, rampLatencyCycles: number): ReduceTree {
  const candidates: ReduceTree[] = [starTree(pes), chainTree(pes), binaryTree(pes)];
  for (let group = 2; group < pes; group++) candidates.push(twoPhaseTree(pes, group));
  if (pes <= MAX_SEARCHED) candidates.push(...searched(pes));
  let best = candidates[0]!;
  let bestCycles = Number.POSITIVE_INFINITY;
  for (const tree of candidates) {
    const cycles = treeCycles(tree, wavelets, rampLatencyCycles);
    if (cycles < bestCycles) [best, bestCycles] = [tree, cycles];
  }
  return best;
}

/**
 * Least energy of a subtree of n PEs within depth d and c children: the last child heads the last n - i of
 * them, i hops away. `split[...]` remembers i.
 */
function searched(pes: number): ReduceTree[] {
  const maxDepth = pes - 1;
  const size = (maxDepth + 1) * (MAX_CHILDREN + 1) * (pes + 1);
  const energy = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
  const split = new Int16Array(size);
  const key = (d: number, c: number, n: number): number => (d * (MAX_CHILDREN + 1) + c) * (pes + 1) + n;
  for (let d = 0; d <= maxDepth; d++) {
    for (let c = 0; c <= MAX_CHILDREN; c++) energy[key(d, c, 1)] = 0;
  }
  for (let d = 1; d <= maxDepth; d++) {
    for (let c = 1; c <= MAX_CHILDREN; c++) {
      for (let n = 2; n <= pes; n++) {
        let least = Number.POSITIVE_INFINITY;
        let at = 0;
        for (let i = 1; i < n; i++) {
          // A child may itself have as many children as the budget of the whole tree allows.
          const cost = energy[key(d, c - 1, i)]! + energy[key(d - 1, MAX_CHILDREN, n - i)]! + i;
          if (cost < least) [least, at] = [cost, i];
        }
        energy[key(d, c, n)] = least;
        split[key(d, c, n)] = at;
      }
    }
  }
  const trees: ReduceTree[] = [];
  for (let d = 1; d <= maxDepth; d++) {
    for (let c = 1; c <= MAX_CHILDREN; c++) {
      if (energy[key(d, c, pes)] === Number.POSITIVE_INFINITY) continue;
      const parents: number[] = [];
      const build = (root: number, depth: number, children: number, n: number): void => {
        if (n === 1) return;
        const i = split[key(depth, children, n)]!;
        build(root, depth, children - 1, i);
        parents[root + i] = root;
        build(root + i, depth - 1, MAX_CHILDREN, n - i);
      };
      parents[0] = -1;
      build(0, d, c, pes);
      trees.push(parents);
    }
  }
  return trees;
}
