/**
 * Reductions on a line, all of them one program over a tree. A PE folds in its children one after the other,
 * nearest first, and streams what comes of the last one straight on to its parent. Star, chain, binary tree,
 * two-phase and generated reductions differ in the tree alone (Luczynski et al., HPDC 2024).
 */
import { MARK } from '../cores/core.js';
import type { Color, FoldName } from '../pe.js';
import type { Line, Part } from './line.js';

/** `parent[i] < i` for every PE but the root, PE 0; the children of a PE follow it with their subtrees. */
export type ReduceTree = readonly number[];

export function starTree(pes: number): ReduceTree {
  return Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : 0));
}

export function chainTree(pes: number): ReduceTree {
  return Array.from({ length: pes }, (_, i) => i - 1);
}

/** Round r joins pairs 2^r apart: PE i sends over its lowest set bit. */
export function binaryTree(pes: number): ReduceTree {
  return Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : i & (i - 1)));
}

/** Chains inside groups, then a chain over the groups' first PEs. */
export function twoPhaseTree(pes: number, group: number): ReduceTree {
  return Array.from({ length: pes }, (_, i) => (i === 0 ? -1 : i % group === 0 ? i - group : i - 1));
}

export function childrenOf(tree: ReduceTree): number[][] {
  const children: number[][] = tree.map(() => []);
  for (const [i, parent] of tree.entries()) if (parent >= 0) children[parent]!.push(i);
  return children;
}

/**
 * One color per family (a parent with its children), shared by families that do not touch. Siblings share
 * theirs in turns: each has its ramp open first and lets the farther ones pass once its own last wavelet left.
 */
export function colorFamilies(tree: ReduceTree): {
  readonly colors: number;
  readonly ofParent: readonly number[];
} {
  const children = childrenOf(tree);
  const busyUntil: number[] = [];
  const ofParent = tree.map(() => -1);
  for (const [parent, own] of children.entries()) {
    const last = own.at(-1);
    if (last === undefined) continue;
    let color = busyUntil.findIndex((until) => until < parent);
    if (color < 0) color = busyUntil.length;
    busyUntil[color] = last;
    ofParent[parent] = color;
  }
  return { colors: busyUntil.length, ofParent };
}

/** The colors that `reduceTree` needs on a line, named after `name`. */
export function reduceColors(line: Line, tree: ReduceTree, name: string): Color[] {
  return Array.from({ length: colorFamilies(tree).colors }, (_, i) => line.mesh.color(`${name} ${i}`));
}

/** Folds the views of all PEs of the line into PE 0's. */
export function reduceTree(
  line: Line,
  tree: ReduceTree,
  colors: readonly Color[],
  fold: FoldName = 'add',
): Part {
  const children = childrenOf(tree);
  const { ofParent } = colorFamilies(tree);
  const { mesh, ahead, back } = line;
  const colorTo = (parent: number): Color => colors[ofParent[parent]!]!;
  for (const [parent, own] of children.entries()) {
    const last = own.at(-1);
    if (last === undefined) continue;
    const color = colorTo(parent);
    // color: siblings send BACK to the parent; a farther one's wavelets come from AHEAD and pass.
    mesh.route(line.at(parent), color, { rx: [ahead], tx: ['RAMP'] });
    for (let i = parent + 1; i < last; i++) {
      const pass = { rx: [ahead], tx: [back] };
      if (own.includes(i))
        mesh.route(line.at(i), color, [{ rx: ['RAMP'], tx: [back] }, pass], { ring: true });
      else mesh.route(line.at(i), color, pass);
    }
    mesh.route(line.at(last), color, { rx: ['RAMP'], tx: [back] });
  }
  return function* (pe, i, view) {
    const own = children[i]!;
    const parent = tree[i]!;
    const from = own.length === 0 ? null : colorTo(i);
    const kept = parent < 0 ? own.length : own.length - 1;
    for (let k = 0; k < kept; k++) {
      yield pe.receiveFold(from!, view, fold);
    }
    if (parent < 0) return;
    const to = colorTo(parent);
    const siblings = children[parent]!;
    // The farthest sibling's last wavelet turns every switch back for the next use.
    const mark = siblings.at(-1) === i ? (siblings.length > 1 ? MARK.control : MARK.none) : MARK.depart;
    if (from === null) yield pe.send(to, view, mark);
    else yield pe.relayFold(from, view, to, fold, mark);
  };
}
