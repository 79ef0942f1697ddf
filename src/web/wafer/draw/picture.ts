/** What both pictures, of a program and of a large model, are drawn from: the surface, the camera, PEs as one image. */
import { across, type Camera, type Extent, seen, toScreen, type Viewport } from './camera.js';
import type { Palette } from './palette.js';

export interface Surface {
  readonly context: CanvasRenderingContext2D;
  readonly viewport: Viewport;
  readonly camera: Camera;
  readonly palette: Palette;
}

/** From these pixels per PE on a grid is seen, and from those the inside of a PE; both fade in. */
export const GRID_SCALE = 5;
export const INSIDE_SCALE = 56;

/** 0 below `from`, 1 from twice of it on. */
export function fadeIn(scale: number, from: number): number {
  const t = Math.min(1, Math.max(0, Math.log2(scale / from)));
  return t * t * (3 - 2 * t);
}

/** A rectangle of the wafer in pixels. */
export function onScreen({ camera, viewport }: Surface, extent: Extent): Extent {
  const { x, y } = toScreen(camera, viewport, extent.x, extent.y);
  return { x, y, width: extent.width * across(camera), height: extent.height * camera.scale };
}

/** The PEs of an extent that are seen: columns and rows, ends exclusive. */
export function seenPes(
  { camera, viewport }: Surface,
  extent: Extent,
): { x0: number; x1: number; y0: number; y1: number } {
  const view = seen(camera, viewport);
  return {
    x0: Math.max(extent.x, Math.floor(view.x)),
    x1: Math.min(extent.x + extent.width, Math.ceil(view.x + view.width)),
    y0: Math.max(extent.y, Math.floor(view.y)),
    y1: Math.min(extent.y + extent.height, Math.ceil(view.y + view.height)),
  };
}

/** Millimetres: the round wafer, and the square that is cut out of it. */
const DISC = 300;
const SQUARE = 215;

/** The round wafer of silicon around the square that is used. */
export function drawDisc(surface: Surface, wafer: Extent): void {
  const { context, palette } = surface;
  const at = onScreen(surface, wafer);
  const radius = (Math.max(at.width, at.height) * DISC) / SQUARE / 2;
  // Beyond the screen there is nothing to see of it.
  if (radius > 20_000) return;
  context.beginPath();
  context.arc(at.x + at.width / 2, at.y + at.height / 2, radius, 0, 2 * Math.PI);
  context.strokeStyle = palette.line;
  context.lineWidth = 1;
  context.stroke();
}

/** Lines between PEs, in the colour of what is behind them, every `every` PEs. */
export function drawGrid(surface: Surface, extent: Extent, width: number, colour: string, every = 1): void {
  const { context, camera, viewport } = surface;
  const { x0, x1, y0, y1 } = seenPes(surface, extent);
  if (x1 <= x0 || y1 <= y0) return;
  const from = toScreen(camera, viewport, x0, y0);
  const to = toScreen(camera, viewport, x1, y1);
  const first = (start: number, low: number): number => start + Math.ceil((low - start) / every) * every;
  const thick = Math.max(1, Math.round(width));
  // Rectangles on whole pixels: a path of as many lines costs a software renderer ten times as much.
  context.fillStyle = colour;
  for (let x = first(extent.x, x0); x <= x1; x += every) {
    const at = from.x + (x - x0) * across(camera);
    context.fillRect(Math.round(at - thick / 2), from.y, thick, to.y - from.y);
  }
  for (let y = first(extent.y, y0); y <= y1; y += every) {
    const at = from.y + (y - y0) * camera.scale;
    context.fillRect(from.x, Math.round(at - thick / 2), to.x - from.x, thick);
  }
}

/** A pixel per PE, drawn at any size in one call: what lets a picture of 750,000 PEs move. */
export class PeImage {
  readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly pixels: ImageData;
  private readonly words: Uint32Array;

  constructor(width: number, height: number) {
    this.canvas = document.createElement('canvas');
    this.canvas.width = width;
    this.canvas.height = height;
    this.context = this.canvas.getContext('2d')!;
    this.pixels = this.context.createImageData(width, height);
    this.words = new Uint32Array(this.pixels.data.buffer);
  }

  /** `colourOf` gives a packed colour for every PE, row by row. */
  paint(colourOf: (pe: number) => number): void {
    for (let pe = 0; pe < this.words.length; pe++) this.words[pe] = colourOf(pe);
    this.context.putImageData(this.pixels, 0, 0);
  }

  draw(surface: Surface, extent: Extent): void {
    const { context, camera } = surface;
    const at = onScreen(surface, extent);
    // Shrunk, neighbouring PEs blend; enlarged, each stays a crisp square.
    context.imageSmoothingEnabled = camera.scale < 1;
    context.drawImage(this.canvas, at.x, at.y, at.width, at.height);
  }
}

const packed = new Map<string, number>();

/** A CSS colour as a pixel of an `ImageData`. */
export function pixelOf(colour: string): number {
  const known = packed.get(colour);
  if (known !== undefined) return known;
  const numbers = colour.startsWith('#')
    ? [1, 3, 5].map((i) => Number.parseInt(colour.slice(i, i + 2), 16))
    : (colour.match(/\d+/g) ?? []).map(Number);
  const [r = 0, g = 0, b = 0] = numbers;
  const pixel = ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
  packed.set(colour, pixel);
  return pixel;
}

/** Text that is left out where it does not fit. */
export function fitText(
  context: CanvasRenderingContext2D,
  text: string,
  x: number,
  y: number,
  width: number,
): boolean {
  if (context.measureText(text).width > width) return false;
  context.fillText(text, x, y);
  return true;
}
