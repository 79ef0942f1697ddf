/** How long frames take, measured in the page: the work of each, and the time from one to the next while something moves. */

const MOST_FRAMES = 600;
/** A longer pause between two frames is a rest, not a slow frame. */
const REST_MS = 250;

export interface FrameReport {
  readonly frames: number;
  /** Measured on this machine. */
  readonly workP95Ms: number;
  readonly intervalP95Ms: number;
  /** What the browser draws with; says so where that is the processor. */
  readonly renderer: string;
  readonly hasGpu: boolean;
}

export class FrameMeter {
  private work: number[] = [];
  private intervals: number[] = [];
  private last = 0;

  frame(startMs: number, endMs: number): void {
    this.work.push(endMs - startMs);
    if (startMs - this.last < REST_MS) this.intervals.push(startMs - this.last);
    this.last = startMs;
    if (this.work.length > MOST_FRAMES) this.work.shift();
    if (this.intervals.length > MOST_FRAMES) this.intervals.shift();
  }

  reset(): void {
    this.work = [];
    this.intervals = [];
  }

  report(): FrameReport {
    return {
      frames: this.work.length,
      workP95Ms: percentile(this.work, 0.95),
      intervalP95Ms: percentile(this.intervals, 0.95),
      ...drawnWith(),
    };
  }
}

/** The smallest value that a share of all values do not exceed; 0 for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

let found: { renderer: string; hasGpu: boolean } | null = null;

function drawnWith(): { renderer: string; hasGpu: boolean } {
  if (found === null) {
    const gl = document.createElement('canvas').getContext('webgl2');
    const info = gl?.getExtension('WEBGL_debug_renderer_info');
    const renderer =
      gl && info
        ? String(gl.getParameter(info.UNMASKED_RENDERER_WEBGL))
        : 'no WebGL, so no GPU that is known of';
    gl?.getExtension('WEBGL_lose_context')?.loseContext();
    found = { renderer, hasGpu: gl !== null && !/swiftshader|llvmpipe|software/i.test(renderer) };
  }
  return found;
}

/** Of the picture that is shown, for the overlay and for tests. */
export const frames = new FrameMeter();

declare global {
  interface Window {
    __waferflow?: { readonly frames: FrameMeter };
  }
}
window.__waferflow = { frames };
