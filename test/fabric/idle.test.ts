import { expect, it } from 'vitest';
import { Mesh } from '#src/fabric/mesh.js';
import { simulate } from '#src/fabric/simulate.js';
import { findWafer } from '#src/machine/wafers.js';

/** A flood along the first row; the other rows have routes, buffers and maybe a program that soon ends. */
function floods(height: number, idlers: boolean): Mesh {
  const width = 48;
  const mesh = new Mesh(findWafer('wse-2'), { width, height });
  const flood = mesh.color('flood');
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      mesh.route({ x, y }, flood, {
        rx: [x === 0 ? 'RAMP' : 'WEST'],
        tx: x === 0 ? ['EAST'] : x === width - 1 ? ['RAMP'] : ['EAST', 'RAMP'],
      });
      const pe = mesh.pe({ x, y });
      const view = pe.buffer('data', 'f32', 20).view();
      if (y > 0 && !idlers) continue;
      pe.main = function* () {
        if (y > 0) yield pe.compute({ cycles: 1 });
        else yield x === 0 ? pe.send(flood, view) : pe.receive(flood, view);
      };
    }
  }
  return mesh;
}

it('idle PEs cost nothing: the fast core visits those of one active row as often as without the other rows', () => {
  const visits = (height: number, idlers: boolean): number => {
    let count = 0;
    simulate(floods(height, idlers), {
      reorder: (list) => {
        count += list.length;
      },
    });
    return count;
  };
  const alone = visits(1, false);
  expect(alone).toBeGreaterThan(48 * 20);
  expect(visits(48, false)).toBe(alone);
  expect(visits(48, true)).toBe(alone);
});
