/** A PE has 48 KiB: this one asks for more, and the check before the run says which PE, how much, and for what. */
import { Mesh } from 'waferflow/fabric';

export default function tooMuch({ machine }) {
  const mesh = new Mesh(machine, { width: 2, height: 2 });
  const pe = mesh.pe({ x: 1, y: 0 });
  const weights = pe.buffer('weights', 'f32', 12_000);
  pe.main = function* () {
    yield pe.compute({ cycles: 10 }, () => weights.write([1]), 'write one weight');
  };
  return mesh;
}
