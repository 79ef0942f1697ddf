/** The inside of a PE: router with its five ports, ramp, compute element, and SRAM as a map. */
import { CE, exitOf, linkEnds, ROUTER, SRAM } from './anatomy.js';
import type { SramPart } from './palette.js';
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

/** Draws a PE whose north-west corner is at pixel (left, top). */
export function drawPe(surface: Surface, left: number, top: number, look: PeLook, alpha: number): void {
  const { context, palette, camera } = surface;
  const { scale } = camera;
  const px = (x: number): number => left + x * scale;
  const py = (y: number): number => top + y * scale;
  context.globalAlpha = alpha;
  context.fillStyle = palette.wafer;
  const gap = Math.min(6, scale * 0.03);
  context.fillRect(left + gap, top + gap, scale - 2 * gap, scale - 2 * gap);

  for (let port = 0; port < 4; port++) {
    const load = look.loads[port] ?? null;
    if (load === null) continue;
    const [from, to] = linkEnds({ x: 0, y: 0 }, port);
    context.beginPath();
    context.moveTo(px(from.x), py(from.y));
    context.lineTo(px(to.x), py(to.y));
    context.lineWidth = Math.max(1, scale * 0.012);
    context.strokeStyle = load === 0 ? palette.line : palette.heat(0.35 + 0.65 * load);
    context.stroke();
  }
  const ramp = exitOf(4);
  context.beginPath();
  context.moveTo(px(ramp.x), py(ramp.y));
  context.lineTo(px(CE.x), py(CE.y));
  context.strokeStyle = palette.line;
  context.stroke();

  context.fillStyle = palette.ground;
  context.strokeStyle = palette.muted;
  context.lineWidth = 1;
  const side = 2 * ROUTER.half * scale;
  context.beginPath();
  context.rect(px(ROUTER.x - ROUTER.half), py(ROUTER.y - ROUTER.half), side, side);
  context.fill();
  context.stroke();
  context.fillStyle = look.ce;
  context.fillRect(px(CE.x), py(CE.y), CE.width * scale, CE.height * scale);
  drawSram(surface, px(SRAM.x), py(SRAM.y), SRAM.width * scale, SRAM.height * scale, look.segments);

  if (scale >= LABEL_SCALE) drawLabels(surface, px, py, look);
  context.globalAlpha = 1;
}

function drawSram(
  { context, palette }: Surface,
  left: number,
  top: number,
  width: number,
  height: number,
  segments: readonly SramSegment[],
): void {
  const total = segments.reduce((sum, { bytes }) => sum + Math.max(0, bytes), 0);
  let at = left;
  for (const { part, bytes } of segments) {
    const length = (width * Math.max(0, bytes)) / Math.max(1, total);
    context.fillStyle = palette.sram[part];
    context.fillRect(at, top, length, height);
    at += length;
  }
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.strokeRect(left, top, width, height);
}

function drawLabels(
  { context, palette, camera }: Surface,
  px: (x: number) => number,
  py: (y: number) => number,
  look: PeLook,
): void {
  const { scale } = camera;
  const size = Math.min(14, Math.max(9, scale * 0.045));
  context.font = `${size}px system-ui, sans-serif`;
  context.textBaseline = 'alphabetic';
  context.fillStyle = palette.text;
  fitText(context, look.title, px(0.5), py(0.1), scale * 0.46);
  context.fillStyle = palette.muted;
  fitText(context, look.doing, px(CE.x), py(CE.y - 0.02), scale * (1 - CE.x));
  if (scale < DETAIL_SCALE) return;
  context.textAlign = 'center';
  fitText(context, 'router', px(ROUTER.x), py(ROUTER.y) + size / 3, scale * 0.2);
  context.textAlign = 'start';
  fitText(context, 'SRAM', px(SRAM.x), py(SRAM.y + SRAM.height + 0.045), scale * 0.15);
  for (const [name, x, y] of [
    ['N', ROUTER.x + 0.07, 0.06],
    ['E', 0.95, ROUTER.y - 0.07],
    ['S', ROUTER.x + 0.07, 0.97],
    ['W', 0.04, ROUTER.y - 0.07],
  ] as const) {
    fitText(context, name, px(x), py(y), scale * 0.1);
  }
}
