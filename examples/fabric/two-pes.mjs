/** The smallest mesh program: one PE sends eight numbers, its neighbour adds them to its own. */
import { Mesh } from 'waferflow/fabric';

export default function twoPes({ machine }) {
  const mesh = new Mesh(machine, { width: 2, height: 1 });
  // x: PE (0, 0) sends EAST, PE (1, 0) receives from WEST.
  const x = mesh.color('x');
  mesh.route({ x: 0, y: 0 }, x, { rx: ['RAMP'], tx: ['EAST'] });
  mesh.route({ x: 1, y: 0 }, x, { rx: ['WEST'], tx: ['RAMP'] });
  const [left, right] = [mesh.pe({ x: 0, y: 0 }), mesh.pe({ x: 1, y: 0 })];
  const sent = left.buffer('sent', 'f32', 8);
  const sum = right.buffer('sum', 'f32', 8);
  left.main = function* () {
    yield left.send(x, sent.view());
  };
  right.main = function* () {
    yield right.receiveFold(x, sum.view(), 'add');
  };
  return {
    mesh,
    load() {
      sent.write([1, 2, 3, 4, 5, 6, 7, 8]);
      sum.write([10, 10, 10, 10, 10, 10, 10, 10]);
    },
    maxAbsError: () => Math.max(...sum.read().map((value, i) => Math.abs(value - (11 + i)))),
  };
}
