/** A five-point stencil: every PE holds one cell, trades it with its neighbours and takes the mean, `elements` times. */
import { elementWork, Mesh, worstOf } from 'waferflow/fabric';

const SIDES = [
  { out: 'EAST', into: 'WEST', dx: 1, dy: 0 },
  { out: 'WEST', into: 'EAST', dx: -1, dy: 0 },
  { out: 'SOUTH', into: 'NORTH', dx: 0, dy: 1 },
  { out: 'NORTH', into: 'SOUTH', dx: 0, dy: -1 },
];

export default function jacobi({ machine, width, height, elements: rounds }) {
  const mesh = new Mesh(machine, { width, height });
  // Two colors a direction, even and odd PEs in turns: a PE sends on its own and receives on its neighbour's.
  const colors = SIDES.map(({ out }) => [mesh.color(`${out} even`), mesh.color(`${out} odd`)]);
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height;
  const cells = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const pe = mesh.pe({ x, y });
      const cell = pe.buffer('cell', 'f32', 1);
      const seen = pe.buffer('seen', 'f32', 4);
      const links = SIDES.flatMap(({ out, into, dx, dy }, side) => {
        if (!inside(x + dx, y + dy)) return [];
        const color = colors[side][(x + y) & 1];
        mesh.route({ x, y }, color, { rx: ['RAMP'], tx: [out] });
        mesh.route({ x: x + dx, y: y + dy }, color, { rx: [into], tx: ['RAMP'] });
        const back = colors[side ^ 1][(x + y + 1) & 1];
        return [{ side, give: color, take: back }];
      });
      pe.main = function* () {
        for (let round = 0; round < rounds; round++) {
          const waits = links.flatMap(({ side, give, take }) => [
            pe.send(give, cell.view()),
            pe.receive(take, seen.view(side, 1)),
          ]);
          for (const wait of waits) yield wait;
          yield pe.compute(elementWork(mesh.numbers, 1, 4, 'f32'), () => {
            const values = seen.f32;
            cell.f32[0] = links.reduce((sum, { side }) => Math.fround(sum + values[side]), 0) / links.length;
          });
        }
      };
      cells.push({ x, y, cell });
    }
  }
  let wanted = [];
  return {
    mesh,
    load(rng) {
      for (const { cell } of cells) cell.write([rng.next()]);
      wanted = cells.map(({ cell }) => cell.f32[0]);
      for (let round = 0; round < rounds; round++) {
        wanted = cells.map(({ x, y }) => {
          const near = SIDES.filter(({ dx, dy }) => inside(x + dx, y + dy));
          return near.reduce((sum, { dx, dy }) => sum + wanted[(y + dy) * width + x + dx], 0) / near.length;
        });
      }
    },
    maxAbsError: () => worstOf(cells.keys(), (i) => Math.abs(cells[i].cell.f32[0] - wanted[i])),
  };
}
