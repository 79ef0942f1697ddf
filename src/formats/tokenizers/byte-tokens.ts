/** Tokens that stand for one byte, written `<0x0A>`. */

const names = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
);

export function byteTokenText(byte: number): string {
  return names[byte]!;
}

export function isByteTokenText(text: string): boolean {
  return /^<0x[0-9A-F]{2}>$/.test(text);
}

/** The byte of a text that {@link isByteTokenText} accepts. */
export function byteOfTokenText(text: string): number {
  return Number.parseInt(text.slice(3, 5), 16);
}
