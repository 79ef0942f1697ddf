/** The sum of 16 PEs in a row, 16 numbers each: from PE to PE, to the west. It takes 106 cycles. Make it less than 100. */
import { Mesh } from 'waferflow/fabric';

export default function reduce({ machine, width, elements }) {
  const mesh = new Mesh(machine, { width, height: 1 });
  // Two colors in turns: what a PE takes and what it gives must not mix.
  const colors = [mesh.color('even'), mesh.color('odd')];
  const inputs = [];
  for (let x = 0; x < width; x++) {
    const pe = mesh.pe({ x, y: 0 });
    const own = pe.buffer('own', 'f32', elements);
    inputs.push(own);
    const gives = colors[x % 2];
    const takes = colors[(x + 1) % 2];
    if (x > 0) {
      mesh.route({ x, y: 0 }, gives, { rx: ['RAMP'], tx: ['WEST'] });
      mesh.route({ x: x - 1, y: 0 }, gives, { rx: ['EAST'], tx: ['RAMP'] });
    }
    pe.main = function* () {
      if (x === width - 1) yield pe.send(gives, own.view());
      else if (x > 0) yield pe.relayFold(takes, own.view(), gives, 'add');
      else yield pe.receiveFold(takes, own.view(), 'add');
    };
  }
  // The check fills the inputs, and looks for their sum in the output.
  return { mesh, inputs, outputs: [inputs[0]] };
}
