/** Programs that move data between PEs and compute nothing: the balanced KV cache, and the hand-over of activations. */
import { OptionError } from '../../core/errors.js';
import { broadcast, column, connect, row } from '../collectives/line.js';
import type { Buffer, Pe } from '../pe.js';
import type { FabricProgram, Prepared, ProgramSize } from './program.js';
import { fillRandom, largestDifference, meshOf, waveletsOf, worstOf } from './program.js';

/** Entries that every row holds before the first new token. */
const FILLED = 2;

/**
 * One round of new tokens, one per row of PEs, enters at the bottom row. Whenever a row holds more entries than
 * the one above it, it passes its oldest entry one row up, so the cache stays balanced to one entry per row and
 * nothing ever moves more than one hop (He et al., "WaferLLM", OSDI 2025).
 */
function prepareKvShift(size: ProgramSize): Prepared {
  const mesh = meshOf(size);
  const { width, height } = mesh;
  const words = waveletsOf(size.elements, size.type);
  const caches = new Map<Pe, Buffer>();
  const fresh = new Map<Pe, Buffer>();

  // ── Layout ──
  const up = [mesh.color('up 0'), mesh.color('up 1')] as const;
  const colorOf = (y: number): (typeof up)[0] => up[y & 1]!;
  for (let x = 0; x < width; x++) {
    const line = column(mesh, x);
    // up: every row sends NORTH and receives from SOUTH on the other color.
    for (let y = height - 1; y > 0; y--) connect(line, colorOf(y), y, y - 1);
    for (let y = 0; y < height; y++) {
      const pe = mesh.pe({ x, y });
      caches.set(pe, pe.buffer('KV cache', 'f32', words * (FILLED + 1)));
      if (y === height - 1) fresh.set(pe, pe.buffer('new entries', 'f32', words * height));
    }
  }

  // ── PE program ──
  for (const [pe, cache] of caches) {
    const { y } = pe.at;
    const entry = (slot: number): ReturnType<Buffer['view']> =>
      cache.view((slot % (FILLED + 1)) * words, words);
    pe.main = function* () {
      let oldest = 0;
      let count = FILLED;
      for (let token = 0; token < height; token++) {
        // Rows 0 .. token - 1 are full by now; all below them take one in and pass one on.
        const takes = y >= token;
        const passes = y > token;
        const into = entry(oldest + count);
        const sent = passes ? pe.send(colorOf(y), entry(oldest)) : null;
        if (takes && y < height - 1) yield pe.receive(colorOf(y + 1), into);
        if (takes && y === height - 1) {
          const source = fresh.get(pe)!;
          yield pe.compute({ cycles: words }, () => {
            cache.write(source.f32.subarray(token * words, (token + 1) * words), into.firstWord);
          });
        }
        if (sent !== null) yield sent;
        if (passes) oldest++;
        if (takes && !passes) count++;
      }
    };
  }

  // ── Host run ──
  const history: number[][] = Array.from({ length: width }, () => []);
  return {
    mesh,
    wavelets: words,
    load(rng) {
      for (let x = 0; x < width; x++) {
        history[x] = [];
        for (let y = 0; y < height; y++) {
          const cache = caches.get(mesh.pe({ x, y }))!;
          const old = Float32Array.from({ length: words * FILLED }, () => rng.next());
          cache.write(old);
          history[x]!.push(...old);
        }
        const source = fresh.get(mesh.pe({ x, y: height - 1 }))!;
        fillRandom(source, rng);
        history[x]!.push(...source.read());
      }
    },
    maxAbsError() {
      let worst = 0;
      for (const [{ at }, cache] of caches) {
        // From top to bottom the column holds the sequence in order, FILLED + 1 entries to a row.
        const from = at.y * (FILLED + 1) * words;
        const held = cache.read();
        const passed = at.y;
        const first = (passed % (FILLED + 1)) * words;
        const inOrder = [...held.subarray(first), ...held.subarray(0, first)];
        worst = Math.max(worst, largestDifference(inOrder, history[at.x]!.slice(from, from + held.length)));
      }
      return worst;
    },
  };
}

/**
 * The activations of one layer's region, the west half, stream into the next region, the east half: in every row
 * of PEs the tile goes from the region's last column to all columns of the next one at once.
 */
function prepareHandOver(size: ProgramSize): Prepared {
  if (size.width < 2) {
    throw new OptionError({
      what: 'rectangle of the hand-over',
      given: `${size.width} x ${size.height} PEs`,
      expected: 'two columns or more, one for each region',
      todo: 'Give a wider rectangle.',
    });
  }
  const mesh = meshOf(size);
  const border = (mesh.width >> 1) - 1;
  const color = mesh.color('hand over');
  const tiles = new Map<Pe, Buffer>();
  for (let y = 0; y < mesh.height; y++) {
    // hand over: the last column of the west region sends EAST, every column of the next receives from WEST.
    const line = row(mesh, y, border);
    const flood = broadcast(line, 0, color);
    for (let i = 0; i < line.length; i++) {
      const pe = mesh.pe(line.at(i));
      const tile = pe.buffer('activations', size.type, size.elements);
      tiles.set(pe, tile);
      pe.main = () => flood(pe, i, tile.view());
    }
  }
  return {
    mesh,
    wavelets: waveletsOf(size.elements, size.type),
    load(rng) {
      for (const [pe, tile] of tiles) if (pe.at.x === border) fillRandom(tile, rng);
    },
    maxAbsError() {
      return worstOf(tiles, ([{ at }, tile]) =>
        largestDifference(tile.read(), tiles.get(mesh.pe({ x: border, y: at.y }))!.read()),
      );
    },
  };
}

export const MOVES: readonly FabricProgram[] = [
  {
    name: 'kv-shift',
    title: 'One round of new KV entries, each row passing its oldest one up',
    elementsAre: 'elements per entry and PE',
    prepare: prepareKvShift,
  },
  {
    name: 'hand-over',
    title: 'Activations streamed from one region to the next',
    elementsAre: 'elements per PE',
    prepare: prepareHandOver,
  },
];
