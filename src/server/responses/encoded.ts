/** Texts that clients keep for the server in `encrypted_content`: only encoded, not encrypted, as the server keeps no secret. */

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/** @param mark says what it is, and that it was made here */
export function encoded(mark: string, text: string): string {
  // Bytes one by one: a thought may be longer than a list of arguments.
  const bytes = Array.from(utf8.encode.encode(text), (byte) => String.fromCharCode(byte));
  return mark + btoa(bytes.join(''));
}

/** The text, or null where something else has made it. */
export function decoded(mark: string, content: unknown): string | null {
  if (typeof content !== 'string' || !content.startsWith(mark)) return null;
  try {
    const bytes = Uint8Array.from(atob(content.slice(mark.length)), (char) => char.charCodeAt(0));
    return utf8.decode.decode(bytes);
  } catch {
    return null;
  }
}
