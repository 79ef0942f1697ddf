/** The few pieces that hand-written SVG needs: escaping, numbers, colours that work on light and dark. */

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

export interface SvgDrawing {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly body: readonly string[];
}

/** A drawing inside a page: colours and fonts are the page's. */
export function svgElement({ width, height, title, body }: SvgDrawing, style = ''): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${at(width)} ${at(height)}" width="${at(width)}" height="${at(height)}" role="img" aria-label="${escapeMarkup(title)}" fill="currentColor">`,
    style,
    ...body,
    '</svg>',
  ].join('\n');
}

/** The same as a file of its own, light and dark. */
export function svgDocument(drawing: SvgDrawing): string {
  const style = `<style>svg{color:#1b1f24;font-family:system-ui,sans-serif;${LIGHT_SERIES}}@media(prefers-color-scheme:dark){svg{color:#e6e9ed;background:#14181d;${DARK_SERIES}}}</style>`;
  return svgElement(drawing, style);
}

/** Colours that differ in lightness as well as in hue and stand out against paper by 3 to 1 and more. */
export const LIGHT_SERIES =
  '--s1:#0b62a8;--s2:#b85c00;--s3:#007a5a;--s4:#a8407f;--s5:#5a55c8;--s6:#86690a;--s7:#b23a30;--s8:#4d6a78';
/** The same against a dark page. */
export const DARK_SERIES =
  '--s1:#6cb6ff;--s2:#ffab57;--s3:#4fd1a5;--s4:#f08cc4;--s5:#aba7ff;--s6:#e3c04a;--s7:#ff8a80;--s8:#9fb6c3';
