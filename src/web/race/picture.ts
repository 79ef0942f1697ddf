/** The result of a race as one picture to share: how long each machine takes, what it draws and costs. */
import { escapeMarkup } from '../../report/document/svg.js';
import { duration, figure } from '../ui/format.js';
import type { Lane } from './lanes.js';
import { BANDS } from './published.js';
import { finishMs, type Script, tokensOf } from './script.js';

export interface Result {
  readonly model: string;
  readonly script: Script;
  readonly lanes: readonly Lane[];
  /** Where the race can be watched. */
  readonly address: string;
}

const width = 1200;
const left = 60;
const barTop = 200;
const rowHeight = 120;
const barWidth = 1080;

/** A standalone SVG document, always light, so that it looks the same wherever it is pasted. */
export function raceSvg({ model, script, lanes, address }: Result): string {
  const height = barTop + lanes.length * rowHeight + 80;
  const tokens = tokensOf(script);
  const longest = Math.max(...lanes.map((lane) => finishMs(script, lane)));
  const text = (x: number, y: number, size: number, content: string, extra = ''): string =>
    `<text x="${x}" y="${y}" font-size="${size}" ${extra}>${escapeMarkup(content)}</text>`;
  const rows = lanes.flatMap((lane, index) => {
    const y = barTop + index * rowHeight;
    const takes = finishMs(script, lane);
    const length = Math.max(3, (barWidth * takes) / longest);
    const costs = `${figure(lane.kilowatts)} kW, $${figure(lane.dollarsPerHour)}/h`;
    return [
      text(left, y, 24, lane.label, 'font-weight="600"'),
      text(width - 60, y, 20, costs, 'fill="#59636e" text-anchor="end"'),
      `<rect x="${left}" y="${y + 14}" width="${length.toFixed(1)}" height="34" rx="4" fill="${lane.kind === 'gpu' ? '#b26200' : '#005f96'}"/>`,
      text(
        left,
        y + 76,
        22,
        `${duration(takes)} at ${figure(lane.tokensPerSecond)} tokens/s (${BANDS[lane.kind].short})`,
        'font-weight="600"',
      ),
    ];
  });
  const day = new Date().toISOString().slice(0, 10);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" fill="#1b1f24" style="font-variant-numeric:tabular-nums">`,
    `<title>${escapeMarkup(`${model}: ${tokens} tokens`)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(left, 76, 40, `${figure(tokens)} tokens of ${model}`, 'font-weight="650"'),
    text(left, 116, 22, 'The time until the last token, one user, simulated', 'fill="#59636e"'),
    ...rows,
    text(left, height - 36, 18, `${day} · ${address.slice(0, 90)}`, 'fill="#59636e"'),
    text(width - 60, 76, 24, 'waferflow', 'text-anchor="end" font-weight="600" fill="#005f96"'),
    '</svg>',
  ].join('\n');
}

/** The picture in pixels, twice as many as it has points. */
export async function pngOf(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = 2 * image.naturalWidth;
    canvas.height = 2 * image.naturalHeight;
    canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) => {
      canvas.toBlob((blob) => {
        if (blob !== null) resolve(blob);
        else reject(new Error('This browser makes no PNG of it: take the SVG.'));
      }, 'image/png');
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
