/** Weights as they lie in the PEs, drawn as a texture that stays while everything else moves. */
import { SRAM } from './anatomy.js';
import { across, type Extent, toScreen } from './camera.js';
import type { Palette } from './palette.js';
import { onScreen, pixelOf, type Surface } from './picture.js';

/** Weights of PEs as brightness; every PE has the same share of it. */
export interface Texture {
  readonly width: number;
  readonly height: number;
  readonly values: Uint8Array;
}

export class TextureImage {
  private readonly texture: Texture;
  private readonly canvas: HTMLCanvasElement;
  private painted: Palette | null = null;

  constructor(texture: Texture) {
    this.texture = texture;
    this.canvas = document.createElement('canvas');
    this.canvas.width = texture.width;
    this.canvas.height = texture.height;
  }

  private paint(palette: Palette): void {
    if (this.painted === palette) return;
    this.painted = palette;
    const context = this.canvas.getContext('2d')!;
    const { width, height, values } = this.texture;
    const pixels = context.createImageData(width, height);
    const words = new Uint32Array(pixels.data.buffer);
    for (const [i, value] of values.entries()) words[i] = pixelOf(palette.heat(0.75 * (value / 255)));
    context.putImageData(pixels, 0, 0);
  }

  draw(surface: Surface, extent: Extent): void {
    this.paint(surface.palette);
    const { context, camera } = surface;
    const at = onScreen(surface, extent);
    context.imageSmoothingEnabled = camera.scale < 8;
    context.drawImage(this.canvas, at.x, at.y, at.width, at.height);
  }

  /** The same weights once a PE's memory can be seen: each PE's share in its SRAM. */
  drawInSram(
    { context, camera, viewport, palette }: Surface,
    rect: Extent,
    seen: { readonly x0: number; readonly x1: number; readonly y0: number; readonly y1: number },
    alpha: number,
  ): void {
    this.paint(palette);
    const wide = this.texture.width / rect.width;
    const high = this.texture.height / rect.height;
    context.globalAlpha = alpha;
    context.imageSmoothingEnabled = false;
    for (let y = seen.y0; y < seen.y1; y++) {
      for (let x = seen.x0; x < seen.x1; x++) {
        const at = toScreen(camera, viewport, x + SRAM.x, y + SRAM.y);
        const [left, top] = [(x - rect.x) * wide, (y - rect.y) * high];
        const [width, height] = [SRAM.width * across(camera), SRAM.height * camera.scale];
        context.drawImage(this.canvas, left, top, wide, high, at.x, at.y, width, height);
      }
    }
    context.globalAlpha = 1;
  }
}
