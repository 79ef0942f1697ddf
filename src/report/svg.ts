/** The few pieces that hand-written SVG needs: escaping, numbers, a colour scale that works on light and dark. */

/** Text inside markup. */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]!);
}

/** A coordinate with at most one decimal. */
export function at(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export interface SvgText {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly size?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly muted?: boolean;
}

export function svgText({ x, y, text, size = 12, anchor = 'start', muted = false }: SvgText): string {
  const opacity = muted ? ' opacity="0.65"' : '';
  return `<text x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="${anchor}"${opacity}>${escapeMarkup(text)}</text>`;
}

/** An SVG document that takes the text colour of its page and stands alone as well. */
export function svgDocument(width: number, height: number, title: string, body: readonly string[]): string {
  const style =
    'text{font-family:system-ui,sans-serif;fill:currentColor}svg{color:#1b1f24}@media(prefers-color-scheme:dark){svg{color:#e6e8eb}}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${at(width)} ${at(height)}" width="${at(width)}" height="${at(height)}" role="img">`,
    `<title>${escapeMarkup(title)}</title><style>${style}</style>`,
    ...body,
    '</svg>',
  ].join('\n');
}

/** Colours that differ in lightness as well as in hue (Okabe and Ito). */
export const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442'] as const;
