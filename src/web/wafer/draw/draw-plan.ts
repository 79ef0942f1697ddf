/** Draws a large model on its wafers: regions with their layers, what the timing model says they do, PEs and their tiles. */
import type { WaferMachine } from '../../../machine/wafers.js';
import { ktreeGroup } from '../../../placement/reduce.js';
import type { WaferPlan, WaferRegion } from '../../../placement/wafer.js';
import type { Colouring, PickedPe } from '../params.js';
import { type DecodeStep, momentAt, type PhaseMoment, phaseCycles } from '../placed/phases.js';
import { tilesOf, weightBytesByPe } from '../placed/tiles.js';
import type { Extent } from './camera.js';
import { toScreen } from './camera.js';
import { drawPes, type PeCell, type PeLook } from './draw-pe.js';
import type { Palette } from './palette.js';
import {
  drawDisc,
  drawGrid,
  fadeIn,
  fitText,
  GRID_SCALE,
  INSIDE_SCALE,
  onScreen,
  PeImage,
  pixelOf,
  type Surface,
  seenPes,
} from './picture.js';

/** Between wafers, in PEs. */
const GAP = 60;
/** From these pixels per PE on the groups of the K-trees are seen. */
const GROUP_SCALE = 0.9;

export interface PlanLook {
  readonly colouring: Colouring;
  readonly picked: PickedPe | null;
}

export class PlanPicture {
  readonly plan: WaferPlan;
  readonly step: DecodeStep;
  readonly world: Extent;
  private readonly wafer: { readonly width: number; readonly height: number };
  private readonly sramBytesPerPe: number;
  /** Weights of each PE, shared by regions that hold the same layers. */
  private readonly weights = new Map<string, Float32Array>();
  private readonly images = new Map<string, PeImage>();
  private readonly shares: readonly { readonly busy: number; readonly waits: number }[];

  constructor(plan: WaferPlan, machine: WaferMachine, step: DecodeStep) {
    this.plan = plan;
    this.step = step;
    const { usableColumns, usableRows, sramBytesPerPe } = machine.facts;
    this.wafer = { width: usableColumns.value, height: usableRows.value };
    this.sramBytesPerPe = sramBytesPerPe.value;
    // Rows of wafers that make the whole about as wide as a screen.
    this.columns = Math.max(1, Math.ceil(Math.sqrt(plan.wafers * 2.4)));
    const across = Math.min(this.columns, plan.wafers);
    const down = Math.ceil(plan.wafers / this.columns);
    this.world = {
      x: 0,
      y: 0,
      width: across * (this.wafer.width + GAP) - GAP,
      height: down * (this.wafer.height + GAP) - GAP,
    };
    const busy = plan.regions.map(() => ({ busy: 0, waits: 0 }));
    for (const phase of step.phases) {
      busy[phase.region]!.busy += phase.cycles.compute / step.cycles;
      busy[phase.region]!.waits += phase.cycles.fabric / step.cycles;
    }
    this.shares = busy;
  }

  private readonly columns: number;

  waferExtent(wafer: number): Extent {
    return {
      x: (wafer % this.columns) * (this.wafer.width + GAP),
      y: Math.floor(wafer / this.columns) * (this.wafer.height + GAP),
      ...this.wafer,
    };
  }

  regionExtent({ wafer, rect }: WaferRegion): Extent {
    const { x, y } = this.waferExtent(wafer);
    return { x: x + rect.x, y: y + rect.y, width: rect.width, height: rect.height };
  }

  draw(surface: Surface, time: number, look: PlanLook): void {
    const { context, palette, viewport, camera } = surface;
    context.fillStyle = palette.ground;
    context.fillRect(0, 0, viewport.width, viewport.height);
    const moment = momentAt(this.step, Math.min(time, this.step.cycles - 1e-6));
    const inside = fadeIn(camera.scale, INSIDE_SCALE);
    for (let wafer = 0; wafer < this.plan.wafers; wafer++) {
      const extent = this.waferExtent(wafer);
      if (!this.isSeen(surface, extent)) continue;
      const at = onScreen(surface, extent);
      if (this.plan.wafers === 1) drawDisc(surface, extent);
      context.fillStyle = palette.wafer;
      context.fillRect(at.x, at.y, at.width, at.height);
    }
    for (const [number, region] of this.plan.regions.entries()) {
      const extent = this.regionExtent(region);
      if (this.isSeen(surface, extent)) this.drawRegion(surface, number, extent, moment, look.colouring);
    }
    const grid = fadeIn(camera.scale, GRID_SCALE);
    if (grid > 0) {
      context.globalAlpha = grid;
      for (let wafer = 0; wafer < this.plan.wafers; wafer++) {
        const extent = this.waferExtent(wafer);
        if (this.isSeen(surface, extent)) {
          drawGrid(surface, extent, Math.min(6, camera.scale * 0.06), palette.ground);
        }
      }
      context.globalAlpha = 1;
    }
    if (inside > 0) this.drawInsides(surface, moment, inside);
    if (inside < 1) this.drawLabels(surface, moment);
    if (look.picked !== null) {
      const { x, y } = this.waferExtent(look.picked.wafer);
      const at = onScreen(surface, { x: x + look.picked.x, y: y + look.picked.y, width: 1, height: 1 });
      context.strokeStyle = palette.text;
      context.lineWidth = 2.5;
      const grow = Math.max(0, (8 - at.width) / 2);
      context.strokeRect(at.x - grow, at.y - grow, at.width + 2 * grow, at.height + 2 * grow);
    }
  }

  private isSeen(surface: Surface, extent: Extent): boolean {
    const { x, y, width, height } = onScreen(surface, extent);
    return x < surface.viewport.width && y < surface.viewport.height && x + width > 0 && y + height > 0;
  }

  private drawRegion(
    surface: Surface,
    number: number,
    extent: Extent,
    moment: PhaseMoment,
    colouring: Colouring,
  ): void {
    const { context, palette, camera } = surface;
    const at = onScreen(surface, extent);
    const active = moment.phase.region === number;
    if (colouring === 'sram') {
      this.sramImage(palette, this.plan.regions[number]!).draw(surface, extent);
    } else {
      const { busy, waits } = this.shares[number]!;
      const most = this.most(colouring);
      context.fillStyle =
        colouring === 'op'
          ? palette.pe
          : palette.heat((colouring === 'utilisation' ? busy : waits) / Math.max(1e-12, most));
      context.fillRect(at.x, at.y, at.width, at.height);
    }
    if (active && colouring === 'op') this.drawPhase(surface, at, moment);
    if (camera.scale >= GROUP_SCALE && camera.scale < INSIDE_SCALE) {
      context.globalAlpha = 0.5 * fadeIn(camera.scale, GROUP_SCALE) * (1 - fadeIn(camera.scale, GRID_SCALE));
      drawGrid(surface, extent, 1, palette.line, this.groupOf(number));
      context.globalAlpha = 1;
    }
    context.strokeStyle = active ? palette.accent : palette.line;
    context.lineWidth = active ? 2.5 : 1;
    context.strokeRect(at.x + 0.5, at.y + 0.5, at.width - 1, at.height - 1);
  }

  private most(colouring: Colouring): number {
    return Math.max(...this.shares.map(({ busy, waits }) => (colouring === 'utilisation' ? busy : waits)));
  }

  private groupOf(number: number): number {
    const { width, height } = this.plan.regions[number]!.rect;
    return ktreeGroup(Math.max(width, height));
  }

  /** What the timing model knows of a phase: arithmetic everywhere at once, sums that travel along an axis. */
  private drawPhase(surface: Surface, at: Extent, { phase, part, progress }: PhaseMoment): void {
    const { context, palette } = surface;
    context.fillStyle = phaseColour(palette, part);
    if (part !== 'fabric' || phase.axis === null) {
      context.globalAlpha = part === 'compute' ? 0.85 : 0.4;
      context.fillRect(at.x, at.y, at.width, at.height);
      context.globalAlpha = 1;
      return;
    }
    context.globalAlpha = 0.35;
    context.fillRect(at.x, at.y, at.width, at.height);
    context.globalAlpha = 0.9;
    // Toward the centre in the first half, a flood back in the second.
    const total = phaseCycles(phase);
    const into = (progress * total - phase.cycles.compute) / Math.max(1e-9, phase.cycles.fabric);
    const reach = into < 0.5 ? 1 - 2 * into : 2 * into - 1;
    const band = 0.04;
    for (const side of [-1, 1]) {
      const middle = 0.5 + (side * reach * (1 - band)) / 2;
      if (phase.axis === 'x') {
        context.fillRect(at.x + (middle - band / 2) * at.width, at.y, band * at.width, at.height);
      } else {
        context.fillRect(at.x, at.y + (middle - band / 2) * at.height, at.width, band * at.height);
      }
    }
    context.globalAlpha = 1;
  }

  private drawLabels(surface: Surface, moment: PhaseMoment): void {
    const { context, palette } = surface;
    context.textBaseline = 'top';
    for (let wafer = 0; wafer < this.plan.wafers && this.plan.wafers > 1; wafer++) {
      const extent = this.waferExtent(wafer);
      const at = onScreen(surface, extent);
      if (at.width < 60 || !this.isSeen(surface, extent)) continue;
      context.font = '12px system-ui, sans-serif';
      context.fillStyle = palette.muted;
      fitText(context, `wafer ${wafer + 1}`, at.x, at.y + at.height + 4, at.width);
    }
    for (const [number, region] of this.plan.regions.entries()) {
      const extent = this.regionExtent(region);
      const at = onScreen(surface, extent);
      if (at.width < 26 || at.height < 18 || !this.isSeen(surface, extent)) continue;
      // The label stays in the picture while its region is larger than it.
      const left = Math.max(at.x, 0) + 6;
      const top = Math.max(at.y, 0) + 6;
      const room = Math.min(at.x + at.width, surface.viewport.width) - left - 4;
      const lines = layersOf(region).split(', ').toReversed();
      if (at.height > 52) lines.push(`${region.rect.width} × ${region.rect.height} PEs`);
      if (moment.phase.region === number && at.height > 70) {
        lines.push(
          moment.phase.layer === null ? moment.phase.op : `layer ${moment.phase.layer}: ${moment.phase.op}`,
        );
      }
      const size = at.width > 160 ? 13 : 11;
      context.font = `550 ${size}px system-ui, sans-serif`;
      const widths = lines.map((line) => context.measureText(line).width);
      const shown = lines.filter((_, i) => widths[i]! <= room);
      if (shown.length === 0) continue;
      context.globalAlpha = 0.82;
      context.fillStyle = palette.ground;
      const width = Math.max(...shown.map((line) => context.measureText(line).width));
      context.fillRect(left - 3, top - 3, width + 6, shown.length * (size + 4) + 4);
      context.globalAlpha = 1;
      for (const [line, text] of shown.entries()) {
        context.fillStyle = line === 0 ? palette.text : palette.muted;
        context.fillText(text, left, top + line * (size + 4));
      }
    }
    context.textBaseline = 'alphabetic';
  }

  private sramImage(palette: Palette, region: WaferRegion): PeImage {
    const key = `${palette.ground} ${this.compositionOf(region)}`;
    let image = this.images.get(key);
    if (image === undefined) {
      const bytes = this.weightsOf(region);
      const { kv, buffers, code } = region.budget;
      const rest = kv + buffers + code;
      image = new PeImage(region.rect.width, region.rect.height);
      image.paint((pe) => pixelOf(palette.heat((bytes[pe]! + rest) / this.sramBytesPerPe)));
      this.images.set(key, image);
    }
    return image;
  }

  private compositionOf({ layers, embedding, head }: WaferRegion): string {
    const kinds = layers.map(({ kind, count }) => `${this.plan.card.kinds.indexOf(kind)}x${count}`);
    return `${kinds.join()} ${embedding} ${head}`;
  }

  private weightsOf(region: WaferRegion): Float32Array {
    const key = this.compositionOf(region);
    let bytes = this.weights.get(key);
    if (bytes === undefined) {
      bytes = weightBytesByPe(this.plan, region);
      // Vectors and a first region's embedding are no tiles: their mean is added to every PE.
      const tiles = bytes.reduce((sum, each) => sum + each, 0);
      const rest = Math.max(0, region.weightBytes - tiles) / bytes.length;
      bytes = bytes.map((each) => each + rest);
      this.weights.set(key, bytes);
    }
    return bytes;
  }

  private drawInsides(surface: Surface, moment: PhaseMoment, alpha: number): void {
    const { camera, viewport, palette } = surface;
    const cells: PeCell[] = [];
    for (const [number, region] of this.plan.regions.entries()) {
      const extent = this.regionExtent(region);
      if (!this.isSeen(surface, extent)) continue;
      const active = moment.phase.region === number;
      const { x0, x1, y0, y1 } = seenPes(surface, extent);
      const doing = active ? `${moment.phase.op}: ${moment.part}` : 'idle';
      const wafer = this.waferExtent(region.wafer);
      for (let y = y0; y < y1; y++) {
        for (let x = x0; x < x1; x++) {
          const corner = toScreen(camera, viewport, x, y);
          const look: PeLook = {
            ce: active ? phaseColour(palette, moment.part) : palette.pe,
            doing,
            title: `PE (${x - wafer.x}, ${y - wafer.y})`,
            segments: this.segments(region, x - extent.x, y - extent.y),
            // The timing model knows no single link: they are drawn idle.
            loads: [0, 0, 0, 0],
          };
          cells.push({ left: corner.x, top: corner.y, look });
        }
      }
    }
    drawPes(surface, cells, alpha);
  }

  /** A PE's memory as segments that add up to its SRAM, by its place in the region. */
  segments(region: WaferRegion, x: number, y: number): PeLook['segments'] {
    const { kv, buffers, code } = region.budget;
    const weights = this.weightsOf(region)[y * region.rect.width + x]!;
    const free = this.sramBytesPerPe - weights - kv - buffers - code;
    return [
      { name: 'weights', part: 'weights', bytes: weights },
      { name: 'KV cache', part: 'kv', bytes: kv },
      { name: 'buffers', part: 'buffers', bytes: buffers },
      { name: 'code and stack', part: 'code', bytes: code },
      { name: 'free', part: 'free', bytes: Math.max(0, free) },
    ];
  }

  /** The PE at a point of the picture, with its region; null between wafers. */
  peAt(x: number, y: number): PickedPe | null {
    for (let wafer = 0; wafer < this.plan.wafers; wafer++) {
      const extent = this.waferExtent(wafer);
      const at = { x: Math.floor(x - extent.x), y: Math.floor(y - extent.y) };
      if (at.x >= 0 && at.y >= 0 && at.x < extent.width && at.y < extent.height) return { wafer, ...at };
    }
    return null;
  }

  regionOf(pe: PickedPe): WaferRegion | null {
    return (
      this.plan.regions.find(
        ({ wafer, rect }) =>
          wafer === pe.wafer &&
          pe.x >= rect.x &&
          pe.y >= rect.y &&
          pe.x < rect.x + rect.width &&
          pe.y < rect.y + rect.height,
      ) ?? null
    );
  }

  tiles(region: WaferRegion, pe: PickedPe): ReturnType<typeof tilesOf> {
    return tilesOf(this.plan, region, pe.x - region.rect.x, pe.y - region.rect.y);
  }
}

export function phaseColour(palette: Palette, part: PhaseMoment['part']): string {
  switch (part) {
    case 'compute':
      return palette.states['local work'];
    case 'fabric':
      return palette.states.relay;
    case 'latency':
      return palette.states['waits for a wavelet'];
    case 'I/O':
      return palette.states.send;
  }
}

/** `layers 4–7, head`, as on the floor plan. */
export function layersOf({ firstLayer, lastLayer, embedding, head }: WaferRegion): string {
  const layers =
    lastLayer < firstLayer
      ? ''
      : firstLayer === lastLayer
        ? `layer ${firstLayer}`
        : `layers ${firstLayer}–${lastLayer}`;
  return [embedding ? 'embedding' : '', layers, head ? 'head' : ''].filter((part) => part !== '').join(', ');
}
