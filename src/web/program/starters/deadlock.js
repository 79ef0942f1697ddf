/** Two PEs trade 64 numbers, and wait for each other for ever. Find out why, and let them. */
import { Mesh } from 'waferflow/fabric';

export default function trade({ machine, elements }) {
  const mesh = new Mesh(machine, { width: 2, height: 1 });
  const east = mesh.color('east');
  const west = mesh.color('west');
  mesh.route({ x: 0, y: 0 }, east, { rx: ['RAMP'], tx: ['EAST'] });
  mesh.route({ x: 1, y: 0 }, east, { rx: ['WEST'], tx: ['RAMP'] });
  mesh.route({ x: 1, y: 0 }, west, { rx: ['RAMP'], tx: ['WEST'] });
  mesh.route({ x: 0, y: 0 }, west, { rx: ['EAST'], tx: ['RAMP'] });
  const [left, right] = [mesh.pe({ x: 0, y: 0 }), mesh.pe({ x: 1, y: 0 })];
  const inputs = [left, right].map((pe) => pe.buffer('own', 'f32', elements));
  const outputs = [left, right].map((pe) => pe.buffer('other', 'f32', elements));
  left.main = function* () {
    yield left.send(east, inputs[0].view());
    yield left.receive(west, outputs[0].view());
  };
  right.main = function* () {
    yield right.send(west, inputs[1].view());
    yield right.receive(east, outputs[1].view());
  };
  return { mesh, inputs, outputs };
}
