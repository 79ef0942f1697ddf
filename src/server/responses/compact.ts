/** Compaction: a conversation becomes a summary of it, which a client sends in its place. */
import type { InputItem } from '../../protocol/protocol.js';
import { decoded, encoded } from './encoded.js';

const mark = 'waferflow.summary.v1.';

/** Asked of the model after the conversation. */
export const summaryRequest =
  'Sum up this conversation in a few sentences for somebody who goes on with it: what is wanted, what was done, what is known.';

/** Tokens of a summary at most. */
export const summaryTokens = 256;

/** The item that stands for a conversation. */
export function compactionItem(id: string, summary: string): InputItem {
  return { id, type: 'compaction', encrypted_content: encoded(mark, summary) };
}

/** The summary in a compaction item, or null where another server made it. */
export function summaryOf({ encrypted_content: content }: InputItem): string | null {
  return decoded(mark, content);
}
