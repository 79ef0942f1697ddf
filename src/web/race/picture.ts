/** The result of a race as one picture to share: bars, their figures, and which of them were measured. */
import { escapeMarkup } from '../../report/document/svg.js';
import { duration, figure } from '../ui/format.js';
import { finishMs, type Lane } from './lanes.js';

export interface Result {
  readonly model: string;
  readonly tokens: number;
  readonly lanes: readonly Lane[];
}

const width = 1200;
const left = 60;
const barTop = 190;
const rowHeight = 92;
const barWidth = 760;

/** A standalone SVG document, always light, so that it looks the same wherever it is pasted. */
export function raceSvg({ model, tokens, lanes }: Result): string {
  const height = barTop + lanes.length * rowHeight + 66;
  const most = Math.max(...lanes.map((lane) => lane.tokensPerSecond));
  const text = (x: number, y: number, size: number, content: string, extra = ''): string =>
    `<text x="${x}" y="${y}" font-size="${size}" ${extra}>${escapeMarkup(content)}</text>`;
  const rows = lanes.flatMap((lane, index) => {
    const y = barTop + index * rowHeight;
    const isMeasured = lane.kind === 'measured';
    const length = Math.max(3, (barWidth * lane.tokensPerSecond) / most);
    const taken = duration(finishMs(lane, tokens));
    return [
      text(left, y, 22, lane.label, 'font-weight="600"'),
      text(
        left + barWidth + 320,
        y,
        18,
        isMeasured ? 'measured' : 'simulated',
        'fill="#59636e" text-anchor="end"',
      ),
      `<rect x="${left}" y="${y + 14}" width="${length.toFixed(1)}" height="30" rx="4" fill="${isMeasured ? '#59636e' : '#005f96'}"/>`,
      text(
        left + barWidth + 320,
        y + 38,
        22,
        `${figure(lane.tokensPerSecond)} tokens/s · ${taken}`,
        'text-anchor="end" font-weight="600"',
      ),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif" fill="#1b1f24" style="font-variant-numeric:tabular-nums">`,
    `<title>${escapeMarkup(`${model}: ${tokens} tokens`)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(left, 76, 40, `${tokens} tokens of ${model}`, 'font-weight="650"'),
    text(
      left,
      116,
      22,
      'One user, speed after the first token, and the time until the last',
      'fill="#59636e"',
    ),
    ...rows,
    text(
      left,
      height - 36,
      18,
      `Simulated: ${model} on the machine. Measured: another model, for a sense of scale.`,
      'fill="#59636e"',
    ),
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
