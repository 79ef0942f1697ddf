/** The inside of a PE: router with its five ports, ramp, compute element, and SRAM as a map. */
import { CE, exitOf, linkEnds, ROUTER, SRAM } from './anatomy.js';
import { across } from './camera.js';
import type { Palette, SramPart } from './palette.js';
import { fitText, type Surface } from './picture.js';

export interface SramSegment {
  readonly name: string;
  readonly part: SramPart;
  readonly bytes: number;
}

export interface PeLook {
  /** Fill of the compute element. */
  readonly ce: string;
  /** What the CE does, in a word or two. */
  readonly doing: string;
  readonly title: string;
  /** Adds up to the PE's SRAM. */
  readonly segments: readonly SramSegment[];
  /** Share of cycles in which each of the four links is used; null where there is none. */
  readonly loads: readonly (number | null)[];
}

const LABEL_SCALE = 110;
const DETAIL_SCALE = 260;
const PARTS: readonly SramPart[] = ['weights', 'kv', 'buffers', 'code', 'free'];

/** A PE whose north-west corner is at pixel (left, top). */
export interface PeCell {
  readonly left: number;
  readonly top: number;
  readonly look: PeLook;
}

/** Draws the PEs that are seen, one kind of part after another: that is what keeps a hundred of them quick. */
export function drawPes(surface: Surface, cells: readonly PeCell[], alpha: number): void {
  const { context, palette, camera } = surface;
  const { scale } = camera;
  const wide = across(camera);
  /** Whole pixels: edges stay crisp, and rectangles without smoothing are many times faster. */
  const box = (left: number, top: number, x: number, y: number, width: number, height: number): void => {
    const x0 = Math.round(left + x * wide);
    const y0 = Math.round(top + y * scale);
    context.fillRect(
      x0,
      y0,
      Math.max(1, Math.round(left + (x + width) * wide) - x0),
      Math.max(1, Math.round(top + (y + height) * scale) - y0),
    );
  };
  context.globalAlpha = alpha;
  context.fillStyle = palette.wafer;
  const gap = Math.min(6 / scale, 0.03);
  for (const { left, top } of cells) box(left, top, gap, gap, 1 - 2 * gap, 1 - 2 * gap);
  for (const { left, top, look } of cells) drawLinks(box, context, palette, left, top, look);

  const ramp = exitOf(4);
  context.beginPath();
  for (const { left, top } of cells) {
    context.moveTo(left + ramp.x * wide, top + ramp.y * scale);
    context.lineTo(left + CE.x * wide, top + CE.y * scale);
  }
  context.lineWidth = Math.max(1, scale * 0.012);
  context.strokeStyle = palette.line;
  context.stroke();

  const edge = 1 / scale;
  const side = 2 * ROUTER.half;
  const corner = { x: ROUTER.x - ROUTER.half, y: ROUTER.y - ROUTER.half };
  context.fillStyle = palette.muted;
  for (const { left, top } of cells) box(left, top, corner.x, corner.y, side, side);
  context.fillStyle = palette.ground;
  for (const { left, top } of cells) {
    box(left, top, corner.x + edge, corner.y + edge, side - 2 * edge, side - 2 * edge);
  }
  for (const { left, top, look } of cells) {
    context.fillStyle = look.ce;
    box(left, top, CE.x, CE.y, CE.width, CE.height);
  }
  for (const { left, top, look } of cells) {
    const total = look.segments.reduce((sum, { bytes }) => sum + Math.max(0, bytes), 0);
    let at = SRAM.x;
    for (const part of PARTS) {
      const bytes = look.segments.reduce((sum, each) => (each.part === part ? sum + each.bytes : sum), 0);
      if (bytes <= 0) continue;
      const width = (SRAM.width * bytes) / Math.max(1, total);
      context.fillStyle = palette.sram[part];
      box(left, top, at, SRAM.y, width, SRAM.height);
      at += width;
    }
  }
  if (scale >= LABEL_SCALE) for (const cell of cells) drawLabels(surface, cell);
  context.globalAlpha = 1;
}

type Box = (left: number, top: number, x: number, y: number, width: number, height: number) => void;

function drawLinks(
  box: Box,
  context: CanvasRenderingContext2D,
  palette: Palette,
  left: number,
  top: number,
  look: PeLook,
): void {
  const width = 0.012;
  for (let port = 0; port < 4; port++) {
    const load = look.loads[port] ?? null;
    if (load === null) continue;
    const [from, to] = linkEnds({ x: 0, y: 0 }, port);
    context.fillStyle = load === 0 ? palette.line : palette.heat(0.35 + 0.65 * load);
    const x = Math.min(from.x, to.x);
    const y = Math.min(from.y, to.y);
    if (port % 2 === 0) box(left, top, x - width / 2, y, width, Math.abs(to.y - from.y));
    else box(left, top, x, y - width / 2, Math.abs(to.x - from.x), width);
  }
}

function drawLabels({ context, palette, camera }: Surface, { left, top, look }: PeCell): void {
  const { scale } = camera;
  const wide = across(camera);
  const px = (x: number): number => left + x * wide;
  const py = (y: number): number => top + y * scale;
  const size = Math.min(14, Math.max(9, scale * 0.045));
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = 'alphabetic';
  context.fillStyle = palette.text;
  fitText(context, look.title, px(0.5), py(0.1), wide * 0.46);
  context.fillStyle = palette.muted;
  fitText(context, look.doing, px(CE.x), py(CE.y - 0.02), wide * (1 - CE.x));
  if (scale < DETAIL_SCALE) return;
  context.textAlign = 'center';
  fitText(context, 'router', px(ROUTER.x), py(ROUTER.y) + size / 3, wide * 0.24);
  context.textAlign = 'start';
  fitText(context, 'SRAM', px(SRAM.x), py(SRAM.y + SRAM.height + 0.045), wide * 0.15);
  for (const [name, x, y] of [
    ['N', ROUTER.x + 0.07, 0.06],
    ['E', 0.95, ROUTER.y - 0.07],
    ['S', ROUTER.x + 0.07, 0.97],
    ['W', 0.04, ROUTER.y - 0.07],
  ] as const) {
    fitText(context, name, px(x), py(y), wide * 0.1);
  }
}
