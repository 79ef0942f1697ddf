/** Draws a recorded program on its wafer at a moment: PEs, links, wavelets, what is picked and followed. */

import type { Colouring } from '../params.js';
import { STATES } from '../record/activity.js';
import type { Playable } from '../record/fabric.js';
import { moveOf, ROUTER, WAVELET, waveletsAt } from './anatomy.js';
import { ASPECT, across, type Extent, toScreen } from './camera.js';
import { drawPes, type PeCell, type PeLook } from './draw-pe.js';
import { sramBytesOf } from './mesh-layout.js';
import { sramPartOf } from './palette.js';
import {
  drawDisc,
  drawGrid,
  fadeIn,
  GRID_SCALE,
  INSIDE_SCALE,
  onScreen,
  PeImage,
  pixelOf,
  type Surface,
  seenPes,
} from './picture.js';
import { type Texture, TextureImage } from './texture.js';

export interface FabricLook {
  readonly colouring: Colouring;
  /** A PE of the rectangle, or null. */
  readonly picked: { readonly x: number; readonly y: number } | null;
  readonly wavelet: number | null;
  /** Parts of the rectangle that stand in the light, the rest in the shade; none: all of it is as bright. */
  readonly spots?: readonly Extent[];
}

/** How much of the texture is seen through what a PE does. */
const VEIL = 0xb0;

/** What a PE does that changes nothing. */
const RESTS = ['idle', 'waits for its turn', 'waits for room', 'waits for a wavelet'] as const;

/** More waiting wavelets than this at a router all look the same. */
const MOST_WAITING = 8;

export class FabricPicture {
  readonly playable: Playable;
  /** The whole wafer, in PEs; the program's rectangle lies in its middle. */
  readonly world: Extent;
  readonly rect: Extent;
  private readonly image: PeImage;
  private painted = '';
  private readonly texture: TextureImage | null;

  constructor(
    playable: Playable,
    wafer: { readonly width: number; readonly height: number },
    texture: Texture | null = null,
  ) {
    this.playable = playable;
    this.texture = texture && new TextureImage(texture);
    const { width, height } = playable.recording.header;
    this.world = { x: 0, y: 0, ...wafer };
    this.rect = {
      x: Math.floor((wafer.width - width) / 2),
      y: Math.floor((wafer.height - height) / 2),
      width,
      height,
    };
    this.image = new PeImage(width, height);
  }

  draw(surface: Surface, time: number, look: FabricLook): void {
    const { context, palette, viewport, camera } = surface;
    const { scale } = camera;
    const cycle = Math.min(Math.floor(time), Math.max(0, this.playable.recording.cycles - 1));
    const ended = time >= this.playable.recording.cycles;
    context.fillStyle = palette.ground;
    context.fillRect(0, 0, viewport.width, viewport.height);
    const wafer = onScreen(surface, this.world);
    if (this.world.width > this.rect.width) drawDisc(surface, this.world);
    context.fillStyle = palette.wafer;
    context.fillRect(wafer.x, wafer.y, wafer.width, wafer.height);
    this.paint(palette, cycle, ended, look.colouring);
    // Inside a PE its memory shows the weights.
    if (this.texture === null || fadeIn(scale, INSIDE_SCALE) < 1) {
      this.texture?.draw(surface, this.rect);
      this.image.draw(surface, this.rect);
    }
    const grid = fadeIn(scale, GRID_SCALE);
    if (grid > 0) {
      context.globalAlpha = grid;
      drawGrid(surface, this.world, Math.min(6, scale * 0.06), palette.ground);
      context.globalAlpha = 1;
    }
    const inside = fadeIn(scale, INSIDE_SCALE);
    if (inside > 0) this.drawInsides(surface, cycle, ended, inside);
    if (grid > 0 && inside < 1) this.drawLinks(surface, cycle, grid * (1 - inside));
    if (look.wavelet !== null) this.drawWay(surface, look.wavelet);
    if (scale >= GRID_SCALE) this.drawWavelets(surface, time, look.wavelet);
    const rect = onScreen(surface, this.rect);
    context.strokeStyle = palette.accent;
    context.lineWidth = 1;
    context.strokeRect(rect.x - 1.5, rect.y - 1.5, rect.width + 3, rect.height + 3);
    if (look.picked !== null) this.outline(surface, look.picked);
    if (look.spots !== undefined && look.spots.length > 0) this.shade(surface, look.spots);
  }

  /** Everything but the spots a little dimmer. */
  private shade(surface: Surface, spots: readonly Extent[]): void {
    const { context, palette, viewport } = surface;
    context.beginPath();
    context.rect(0, 0, viewport.width, viewport.height);
    const boxes = spots.map((spot) =>
      onScreen(surface, { ...spot, x: spot.x + this.rect.x, y: spot.y + this.rect.y }),
    );
    for (const { x, y, width, height } of boxes) context.rect(x, y, width, height);
    context.globalAlpha = 0.55;
    context.fillStyle = palette.ground;
    context.fill('evenodd');
    context.globalAlpha = 1;
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    for (const { x, y, width, height } of boxes) context.strokeRect(x, y, width, height);
  }

  private colours(
    palette: Surface['palette'],
    cycle: number,
    ended: boolean,
    colouring: Colouring,
  ): (pe: number) => string {
    const { recording, activity, loads, run } = this.playable;
    const window = loads.windowOf(cycle);
    switch (colouring) {
      case 'op': {
        const states = ended ? new Uint8Array(recording.pes.length) : activity.states(cycle);
        return (pe) => palette.states[STATES[states[pe]!]!];
      }
      case 'utilisation':
        return (pe) => palette.heat(loads.utilisation(pe, window));
      case 'congestion':
        return (pe) => {
          const router = recording.routerOfPe[pe]!;
          return palette.heat(router < 0 ? 0 : loads.waiting(router, window) / MOST_WAITING);
        };
      case 'sram':
        return (pe) => palette.heat(sramBytesOf(run.layout, pe) / run.layout.sramBytesPerPe);
    }
  }

  private paint(palette: Surface['palette'], cycle: number, ended: boolean, colouring: Colouring): void {
    const key = `${palette.ground} ${cycle} ${ended} ${colouring}`;
    if (key === this.painted) return;
    this.painted = key;
    const { recording } = this.playable;
    const colourOf = this.colours(palette, cycle, ended, colouring);
    const { width } = this.rect;
    const pixels = new Uint32Array(width * this.rect.height).fill(pixelOf(palette.pe));
    if (this.texture !== null) pixels.fill(0);
    for (const [pe, { x, y }] of recording.pes.entries()) {
      const pixel = pixelOf(colourOf(pe));
      // Over a texture only what moves or multiplies is seen.
      const isIdle = RESTS.some((state) => pixel === pixelOf(palette.states[state]));
      pixels[y * width + x] = this.texture === null ? pixel : isIdle ? 0 : (pixel & 0xffffff) | (VEIL << 24);
    }
    this.peColours = colourOf;
    this.image.paint((pe) => pixels[pe]!);
  }

  private peColours: (pe: number) => string = () => '';

  private drawInsides(surface: Surface, cycle: number, ended: boolean, alpha: number): void {
    const { recording, activity, loads, run } = this.playable;
    const { camera, viewport, palette } = surface;
    const { x0, x1, y0, y1 } = seenPes(surface, this.rect);
    const states = ended ? null : activity.states(cycle);
    const window = loads.windowOf(cycle);
    const cells: PeCell[] = [];
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const at = { x: x - this.rect.x, y: y - this.rect.y };
        const pe = recording.peAt(at);
        const router = recording.routerAt(at);
        const corner = toScreen(camera, viewport, x, y);
        const look: PeLook = {
          ce: pe < 0 ? palette.pe : this.peColours(pe),
          doing: pe < 0 ? 'no program' : (STATES[states?.[pe] ?? 0] ?? ''),
          title: `PE (${at.x}, ${at.y})`,
          segments: pe < 0 ? [] : segmentsOf(run.layout, pe),
          loads: DIRECTIONS.map(([dx, dy], port) =>
            router < 0 || recording.routerAt({ x: at.x + dx, y: at.y + dy }) < 0
              ? null
              : loads.linkLoad(router * 5 + port, window),
          ),
        };
        cells.push({ left: corner.x, top: corner.y, look });
      }
    }
    drawPes(surface, cells, alpha);
    this.texture?.drawInSram(surface, this.rect, { x0, x1, y0, y1 }, alpha);
  }

  /** Links between PEs as strokes, darker the more of the window they carried wavelets. */
  private drawLinks(surface: Surface, cycle: number, alpha: number): void {
    const { context, camera, viewport, palette } = surface;
    const { recording, loads } = this.playable;
    const window = loads.windowOf(cycle);
    const levels = 6;
    const paths = Array.from({ length: levels + 1 }, () => new Path2D());
    const { x0, x1, y0, y1 } = seenPes(surface, this.rect);
    for (const [router, { x, y }] of recording.routers.entries()) {
      const [wx, wy] = [x + this.rect.x, y + this.rect.y];
      if (wx < x0 - 1 || wx > x1 || wy < y0 - 1 || wy > y1) continue;
      for (const [port, [dx, dy]] of DIRECTIONS.entries()) {
        const load = loads.linkLoad(router * 5 + port, window);
        if (load === 0) continue;
        const path = paths[Math.max(1, Math.ceil(load * levels))]!;
        // Each direction keeps to its own side of the middle.
        const from = toScreen(camera, viewport, wx + ROUTER.x + dy * 0.08, wy + ROUTER.y - dx * 0.08);
        path.moveTo(from.x, from.y);
        path.lineTo(from.x + dx * across(camera), from.y + dy * camera.scale);
      }
    }
    context.lineWidth = Math.max(1, Math.min(2.5, camera.scale * 0.08));
    for (let level = 1; level <= levels; level++) {
      context.globalAlpha = alpha * (0.25 + (0.75 * level) / levels);
      context.strokeStyle = palette.text;
      context.stroke(paths[level]!);
    }
    context.globalAlpha = 1;
  }

  private drawWavelets(surface: Surface, time: number, followed: number | null): void {
    const { context, camera, viewport, palette } = surface;
    const { activity, recording } = this.playable;
    const { color, wavelet } = recording.stays;
    const radius = Math.max(camera.scale < 12 ? 1.3 : 2, WAVELET * camera.scale);
    const { x0, x1, y0, y1 } = seenPes(surface, this.rect);
    const detailed = camera.scale >= INSIDE_SCALE;
    for (const drawn of waveletsAt(activity, time)) {
      const [x, y] = [drawn.x + this.rect.x, drawn.y + this.rect.y];
      if (x < x0 - 1 || x > x1 + 1 || y < y0 - 1 || y > y1 + 1) continue;
      const at = toScreen(camera, viewport, x, y);
      context.fillStyle = palette.color(color[drawn.stay]!);
      if (detailed) {
        context.beginPath();
        context.arc(at.x, at.y, radius, 0, 2 * Math.PI);
        context.fill();
        if (radius >= 3) {
          context.strokeStyle = palette.ground;
          context.lineWidth = 1;
          context.stroke();
        }
      } else {
        // A rim in the colour of the ground: colour alone does not tell it from what is below.
        const colour = context.fillStyle;
        context.fillStyle = palette.ground;
        context.fillRect(at.x - radius - 1, at.y - radius - 1, 2 * radius + 2, 2 * radius + 2);
        context.fillStyle = colour;
        context.fillRect(at.x - radius, at.y - radius, 2 * radius, 2 * radius);
      }
      if (wavelet[drawn.stay] === followed) {
        context.strokeStyle = palette.text;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(at.x, at.y, radius + 4, 0, 2 * Math.PI);
        context.stroke();
      }
    }
  }

  /** The whole way of a wavelet, from router to router. */
  private drawWay(surface: Surface, wavelet: number): void {
    const { context, camera, viewport, palette } = surface;
    const { activity, recording } = this.playable;
    const { stays } = recording;
    const pixel = ({ x, y }: { readonly x: number; readonly y: number }) =>
      toScreen(camera, viewport, x + this.rect.x, y + this.rect.y);
    context.beginPath();
    for (const stay of activity.wayOf(wavelet)) {
      // On the lane of the link that it takes, to the queue in which it waits.
      const [from, to] = moveOf(activity, stay);
      const [start, end] = [pixel(from), pixel(to)];
      if (stays.before[stay]! < 0) context.arc(start.x, start.y, 4, 0, 2 * Math.PI);
      else {
        const before = pixel(moveOf(activity, stays.before[stay]!)[1]);
        context.moveTo(before.x, before.y);
        context.lineTo(start.x, start.y);
      }
      context.moveTo(start.x, start.y);
      context.lineTo(end.x, end.y);
    }
    context.strokeStyle = palette.accent;
    context.globalAlpha = 0.55;
    context.lineWidth = Math.max(2, Math.min(8, camera.scale * 0.08));
    context.lineJoin = 'round';
    context.stroke();
    context.globalAlpha = 1;
  }

  private outline(surface: Surface, { x, y }: { readonly x: number; readonly y: number }): void {
    const { context, palette } = surface;
    const at = onScreen(surface, { x: x + this.rect.x, y: y + this.rect.y, width: 1, height: 1 });
    context.strokeStyle = palette.text;
    context.lineWidth = 2.5;
    context.strokeRect(at.x, at.y, at.width, at.height);
  }

  /** The PE of the rectangle at a point of the wafer, or null. */
  peAt(x: number, y: number): { x: number; y: number } | null {
    const at = { x: Math.floor(x) - this.rect.x, y: Math.floor(y) - this.rect.y };
    const inside = at.x >= 0 && at.y >= 0 && at.x < this.rect.width && at.y < this.rect.height;
    return inside ? at : null;
  }

  /** What a point of the wafer shows at a moment, in a few words. */
  hintAt(x: number, y: number, time: number): string {
    const at = this.peAt(x, y);
    if (at === null) return '';
    const { recording, activity } = this.playable;
    const pe = recording.peAt(at);
    const state = pe < 0 ? 'no program' : STATES[activity.states(Math.floor(time))[pe]!]!;
    return `PE (${at.x}, ${at.y}): ${state}`;
  }

  /** The wavelet that is drawn at a point of the wafer, or null. */
  waveletAt(x: number, y: number, time: number, reach: number): number | null {
    let best: number | null = null;
    let nearest = reach;
    for (const drawn of waveletsAt(this.playable.activity, time)) {
      const far = Math.hypot((drawn.x + this.rect.x - x) * ASPECT, drawn.y + this.rect.y - y);
      if (far > nearest) continue;
      nearest = far;
      best = this.playable.recording.stays.wavelet[drawn.stay]!;
    }
    return best;
  }
}

const DIRECTIONS: readonly (readonly [number, number])[] = [
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, 0],
];

/** A PE's memory as segments that add up to its SRAM. */
export function segmentsOf(layout: Playable['run']['layout'], pe: number): PeLook['segments'] {
  const buffers = layout.maps[layout.mapOfPe[pe]!]!.map(({ name, bytes }) => ({
    name,
    part: sramPartOf(name),
    bytes,
  }));
  const free = layout.sramBytesPerPe - sramBytesOf(layout, pe);
  return [
    ...buffers,
    { name: 'code and stack', part: 'code', bytes: layout.reservedBytesPerPe },
    { name: 'free', part: 'free', bytes: free },
  ];
}
