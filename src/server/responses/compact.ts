/** Compaction: a conversation becomes a summary of it, which a client sends in its place. */
import type { InputItem } from '../../protocol/protocol.js';

const mark = 'waferflow.summary.v1.';
const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/** Asked of the model after the conversation. */
export const summaryRequest =
  'Sum up this conversation in a few sentences for somebody who goes on with it: what is wanted, what was done, what is known.';

/** Tokens of a summary at most. */
export const summaryTokens = 256;

/** The item that stands for a conversation; its content is only encoded, not encrypted: the server keeps no secret. */
export function compactionItem(id: string, summary: string): InputItem {
  const base64 = btoa(String.fromCharCode(...utf8.encode.encode(summary)));
  return { id, type: 'compaction', encrypted_content: mark + base64 };
}

/** The summary in a compaction item, or null where another server made it. */
export function summaryOf({ encrypted_content: content }: InputItem): string | null {
  if (typeof content !== 'string' || !content.startsWith(mark)) return null;
  try {
    return utf8.decode.decode(
      Uint8Array.from(atob(content.slice(mark.length)), (char) => char.charCodeAt(0)),
    );
  } catch {
    return null;
  }
}
