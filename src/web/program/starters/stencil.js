/** Every PE holds one number, and wants the sum of its own and those of its neighbours. So far it asks the west only. */
import { Mesh } from 'waferflow/fabric';

export default function stencil({ machine, width, height }) {
  const mesh = new Mesh(machine, { width, height });
  // Even and odd columns in turns: a PE gives on one color, and takes on the other.
  const east = [mesh.color('east even'), mesh.color('east odd')];
  const inputs = [];
  const outputs = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pe = mesh.pe({ x, y });
      const own = pe.buffer('own', 'f32', 1);
      const sum = pe.buffer('sum', 'f32', 1);
      inputs.push(own);
      outputs.push(sum);
      const gives = east[x % 2];
      const takes = east[(x + 1) % 2];
      if (x < width - 1) {
        mesh.route({ x, y }, gives, { rx: ['RAMP'], tx: ['EAST'] });
        mesh.route({ x: x + 1, y }, gives, { rx: ['WEST'], tx: ['RAMP'] });
      }
      pe.main = function* () {
        sum.write(own.read());
        if (x < width - 1) pe.send(gives, own.view());
        if (x > 0) yield pe.receiveFold(takes, sum.view(), 'add');
      };
    }
  }
  return { mesh, inputs, outputs };
}
