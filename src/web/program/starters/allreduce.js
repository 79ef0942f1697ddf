/** All of 16 PEs want the sum of all: a chain to PE 0, and a flood back. It takes 142 cycles. Make it less than 110. */
import { broadcast, chainTree, Mesh, reduceColors, reduceTree, row } from 'waferflow/fabric';

export default function allreduce({ machine, width, elements }) {
  const mesh = new Mesh(machine, { width, height: 1 });
  const line = row(mesh, 0);
  // A tree says who adds to whom; twoPhaseTree(width, 4), binaryTree and starTree are others.
  const tree = chainTree(width);
  const reduce = reduceTree(line, tree, reduceColors(line, tree, 'sum'));
  const flood = broadcast(line, 0, mesh.color('flood'));
  const inputs = [];
  for (let i = 0; i < width; i++) {
    const pe = mesh.pe({ x: i, y: 0 });
    const own = pe.buffer('own', 'f32', elements);
    inputs.push(own);
    pe.main = function* () {
      yield* reduce(pe, i, own.view());
      yield* flood(pe, i, own.view());
    };
  }
  return { mesh, inputs, outputs: inputs };
}
