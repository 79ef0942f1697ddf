/** One camera from the whole wafer to the inside of a router: a point of the wafer, and pixels per PE. */

export interface Camera {
  /** What is in the middle of the picture, in PEs. */
  readonly x: number;
  readonly y: number;
  /** Pixels per PE from north to south. */
  readonly scale: number;
}

/** A PE is so much wider than high: 215 mm hold some 760 of them from west to east, and 1,170 from north to south. */
export const ASPECT = 1.55;

/** Pixels per PE from west to east. */
export const across = ({ scale }: Camera): number => scale * ASPECT;

export interface Viewport {
  readonly width: number;
  readonly height: number;
}

export interface Extent {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A PE fills the picture and more. */
export const MAX_SCALE = 1200;
/** Room around what is fitted, as a share of the picture. */
const MARGIN = 0.06;

/** The camera that shows the whole of `extent`. */
export function fitTo(extent: Extent, viewport: Viewport): Camera {
  const scale = Math.min(
    (viewport.width * (1 - 2 * MARGIN)) / (extent.width * ASPECT),
    (viewport.height * (1 - 2 * MARGIN)) / extent.height,
  );
  return {
    x: extent.x + extent.width / 2,
    y: extent.y + extent.height / 2,
    scale: Math.min(MAX_SCALE, Math.max(1e-3, scale)),
  };
}

export function toScreen(camera: Camera, viewport: Viewport, x: number, y: number): { x: number; y: number } {
  return {
    x: viewport.width / 2 + (x - camera.x) * across(camera),
    y: viewport.height / 2 + (y - camera.y) * camera.scale,
  };
}

export function toWafer(camera: Camera, viewport: Viewport, x: number, y: number): { x: number; y: number } {
  return {
    x: camera.x + (x - viewport.width / 2) / across(camera),
    y: camera.y + (y - viewport.height / 2) / camera.scale,
  };
}

/** Zooms by a factor so that what lies under a pixel stays there, within what can be shown of `world`. */
export function zoomAt(
  camera: Camera,
  viewport: Viewport,
  pixel: { readonly x: number; readonly y: number },
  factor: number,
  world: Extent,
): Camera {
  const scale = Math.min(MAX_SCALE, Math.max(minScale(world, viewport), camera.scale * factor));
  const fixed = toWafer(camera, viewport, pixel.x, pixel.y);
  const moved = {
    x: fixed.x - (pixel.x - viewport.width / 2) / (scale * ASPECT),
    y: fixed.y - (pixel.y - viewport.height / 2) / scale,
    scale,
  };
  return keepInside(moved, world);
}

/** Moves the picture by pixels. */
export function pan(camera: Camera, dx: number, dy: number, world: Extent): Camera {
  return keepInside({ ...camera, x: camera.x - dx / across(camera), y: camera.y - dy / camera.scale }, world);
}

/** Half as large as when all of it is seen. */
export function minScale(world: Extent, viewport: Viewport): number {
  return fitTo(world, viewport).scale / 2;
}

/** The middle of the picture never leaves the world. */
export function keepInside(camera: Camera, world: Extent): Camera {
  return {
    ...camera,
    x: Math.min(world.x + world.width, Math.max(world.x, camera.x)),
    y: Math.min(world.y + world.height, Math.max(world.y, camera.y)),
  };
}

/** The rectangle of the wafer that is seen. */
export function seen(camera: Camera, viewport: Viewport): Extent {
  const from = toWafer(camera, viewport, 0, 0);
  return {
    x: from.x,
    y: from.y,
    width: viewport.width / across(camera),
    height: viewport.height / camera.scale,
  };
}

/** On the way from one camera to another, `t` from 0 to 1: scales by ratio, so the zoom looks even. */
export function between(from: Camera, to: Camera, t: number): Camera {
  const eased = t * t * (3 - 2 * t);
  const scale = from.scale * (to.scale / from.scale) ** eased;
  // The point moves with the zoom: it arrives as the scale does.
  const near =
    Math.abs(to.scale - from.scale) < 1e-9 * to.scale
      ? eased
      : (1 / scale - 1 / from.scale) / (1 / to.scale - 1 / from.scale);
  return { x: from.x + (to.x - from.x) * near, y: from.y + (to.y - from.y) * near, scale };
}

/** `x,y,scale`, short enough for a link. */
export function formatCamera({ x, y, scale }: Camera): string {
  return [x, y, scale].map((value) => Number(value.toPrecision(6))).join(',');
}

/** Null for what is no camera. */
export function parseCamera(text: string): Camera | null {
  const [x, y, scale, ...rest] = text.split(',').map(Number);
  if (x === undefined || y === undefined || scale === undefined || rest.length > 0) return null;
  if (![x, y, scale].every(Number.isFinite) || scale <= 0) return null;
  return { x, y, scale: Math.min(MAX_SCALE, Math.max(1e-3, scale)) };
}
