/** The floor plan of a placed model: wafers, regions, layers, and what the SRAM of a PE in each region holds. */
import { formatBytes } from '../../core/units.js';
import type { WaferMachine } from '../../machine/wafers.js';
import type { PeBudget, WaferPlan, WaferRegion } from '../../placement/wafer.js';
import type { Row, Table } from '../document/document.js';
import { at, type SvgDrawing, svgDocument, svgElement, svgText } from '../document/svg.js';

const PIXELS_PER_PE = 0.3;
const GAP = 28;
const TOP = 64;
/** Wafers that are drawn; further ones are counted in words. */
const MAX_WAFERS = 6;

const PARTS: readonly { key: keyof PeBudget; label: string; colour: string }[] = [
  { key: 'weights', label: 'weights', colour: 'var(--s1)' },
  { key: 'kv', label: 'KV cache', colour: 'var(--s2)' },
  { key: 'buffers', label: 'buffers', colour: 'var(--s4)' },
  { key: 'code', label: 'code', colour: 'var(--s3)' },
  { key: 'free', label: 'free', colour: 'var(--s8)' },
];

/** The floor plan as a standalone SVG document. */
export function floorPlanSvg(plan: WaferPlan, machine: WaferMachine): string {
  return svgDocument(drawn(plan, machine));
}

/** The floor plan as an element of a page that defines the colours. */
export function floorPlanElement(plan: WaferPlan, machine: WaferMachine): string {
  return svgElement(drawn(plan, machine));
}

/** What the drawing shows, region by region, bytes per PE. */
export function floorPlanTable(plan: WaferPlan, machine: WaferMachine): Table {
  return {
    caption: `Floor plan of ${plan.card.name} on ${machine.name}: SRAM of one PE by region, bytes`,
    columns: ['region', 'wafer', 'PEs', ...PARTS.map(({ label }) => label)],
    rows: plan.regions.map(
      (region): Row => ({
        header: contents(region),
        cells: [
          { value: region.wafer + 1 },
          `${region.rect.width} x ${region.rect.height}`,
          ...PARTS.map(({ key }) => ({ value: Math.max(0, Math.round(region.budget[key])) })),
        ],
      }),
    ),
  };
}

function drawn(plan: WaferPlan, machine: WaferMachine): SvgDrawing {
  const { usableColumns, usableRows } = machine.facts;
  const waferWidth = usableColumns.value * PIXELS_PER_PE;
  const waferHeight = usableRows.value * PIXELS_PER_PE;
  const shown = Math.min(plan.wafers, MAX_WAFERS);
  const width = Math.max(640, GAP + shown * (waferWidth + GAP));
  const height = TOP + waferHeight + 72;
  const body = [
    svgText({
      x: GAP,
      y: 24,
      text: `${plan.card.name}, ${plan.weightBits}-bit weights, on ${plan.wafers} ${machine.name} (simulated)`,
      size: 16,
    }),
    svgText({
      x: GAP,
      y: 44,
      text: `${count(plan.regions.length, 'region')} of ${plan.grid.width} x ${plan.grid.height} PEs; ${count(plan.users, 'user')} of ${plan.context} tokens; bars: the ${formatBytes(machine.facts.sramBytesPerPe.value)} of a PE`,
      muted: true,
    }),
  ];
  for (let wafer = 0; wafer < shown; wafer++) {
    const left = GAP + wafer * (waferWidth + GAP);
    body.push(
      `<rect x="${at(left)}" y="${TOP}" width="${at(waferWidth)}" height="${at(waferHeight)}" fill="none" stroke="currentColor" stroke-opacity="0.5"/>`,
      svgText({ x: left, y: TOP + waferHeight + 16, text: `wafer ${wafer + 1}`, muted: true }),
      ...plan.regions
        .filter((region) => region.wafer === wafer)
        .flatMap((region) => regionShapes(region, left)),
    );
  }
  if (plan.wafers > shown) {
    const text = `and ${plan.wafers - shown} more wafers, filled in the same way`;
    body.push(svgText({ x: GAP + 64, y: TOP + waferHeight + 16, text, muted: true }));
  }
  PARTS.forEach(({ label, colour }, index) => {
    const x = GAP + index * 96;
    const y = TOP + waferHeight + 34;
    body.push(`<rect x="${at(x)}" y="${at(y)}" width="12" height="12" fill="${colour}"/>`);
    body.push(svgText({ x: x + 17, y: y + 10, text: label }));
  });
  return { width, height, title: `Floor plan of ${plan.card.name} on ${machine.name}`, body };
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

function regionShapes(region: WaferRegion, left: number): string[] {
  const x = left + region.rect.x * PIXELS_PER_PE;
  const y = TOP + region.rect.y * PIXELS_PER_PE;
  const width = region.rect.width * PIXELS_PER_PE;
  const height = region.rect.height * PIXELS_PER_PE;
  const shapes = [
    `<rect x="${at(x + 1)}" y="${at(y + 1)}" width="${at(width - 2)}" height="${at(height - 2)}" fill="currentColor" fill-opacity="0.06" stroke="currentColor" stroke-opacity="0.35"/>`,
  ];
  const { budget } = region;
  const total = PARTS.reduce((sum, { key }) => sum + Math.max(0, budget[key]), 0);
  const bar = Math.max(3, Math.min(10, height / 6));
  let from = x + 4;
  for (const { key, colour } of PARTS) {
    const length = ((width - 8) * Math.max(0, budget[key])) / total;
    if (length > 0.05) {
      shapes.push(
        `<rect x="${at(from)}" y="${at(y + height - bar - 4)}" width="${at(length)}" height="${at(bar)}" fill="${colour}"/>`,
      );
    }
    from += length;
  }
  if (width > 46 && height > 30) {
    shapes.push(svgText({ x: x + 5, y: y + 15, text: contents(region), size: width > 90 ? 11 : 8 }));
  }
  shapes.push(
    `<title>${contents(region)}: ${PARTS.map(({ key, label }) => `${label} ${budget[key]} B`).join(', ')} per PE</title>`,
  );
  return [`<g>${shapes.join('')}</g>`];
}

function contents(region: WaferRegion): string {
  const { firstLayer, lastLayer, embedding, head } = region;
  const layers =
    lastLayer < firstLayer
      ? ''
      : firstLayer === lastLayer
        ? `layer ${firstLayer}`
        : `layers ${firstLayer}-${lastLayer}`;
  return [embedding ? 'emb' : '', layers, head ? 'head' : ''].filter((part) => part !== '').join(', ');
}
