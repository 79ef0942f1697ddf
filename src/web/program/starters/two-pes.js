/** PE (0, 0) sends eight numbers, its neighbour adds them to its own. */
import { Mesh } from 'waferflow/fabric';

export default function twoPes({ machine }) {
  const mesh = new Mesh(machine, { width: 2, height: 1 });
  // The color x: PE (0, 0) sends it EAST, PE (1, 0) takes it from WEST.
  const x = mesh.color('x');
  mesh.route({ x: 0, y: 0 }, x, { rx: ['RAMP'], tx: ['EAST'] });
  mesh.route({ x: 1, y: 0 }, x, { rx: ['WEST'], tx: ['RAMP'] });
  const left = mesh.pe({ x: 0, y: 0 });
  const right = mesh.pe({ x: 1, y: 0 });
  const sent = left.buffer('sent', 'f32', 8);
  const sum = right.buffer('sum', 'f32', 8);
  // A program is a generator: `yield` waits, what is not waited for goes on beside it.
  left.main = function* () {
    yield left.send(x, sent.view());
  };
  right.main = function* () {
    yield right.receiveFold(x, sum.view(), 'add');
  };
  return mesh;
}
