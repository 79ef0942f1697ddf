/** Reasoning items: what a model thought, as it goes to clients and comes back from them. */
import type { InputItem, OutputReasoning } from '../../protocol/protocol.js';
import { decoded, encoded } from './encoded.js';

const mark = 'waferflow.thought.v1.';

/** @param isKept whether the client wants it encoded as well, to send it back: some send nothing else */
export function thoughtItem(
  id: string,
  text: string,
  status: OutputReasoning['status'],
  isKept: boolean,
): OutputReasoning {
  const isDone = status !== 'in_progress';
  return {
    id,
    type: 'reasoning',
    status,
    summary: [],
    content: isDone ? [{ type: 'reasoning_text', text }] : [],
    ...(isKept && isDone && { encrypted_content: encoded(mark, text) }),
  };
}

/** The thought of an item, or null where nothing here can read it. */
export function thoughtOf({ content, summary, encrypted_content: kept }: InputItem): string | null {
  const said = textOf(content);
  if (said !== '') return said;
  const own = decoded(mark, kept);
  if (own !== null) return own;
  const short = textOf(summary);
  return short === '' ? null : short;
}

function textOf(parts: unknown): string {
  if (!Array.isArray(parts)) return '';
  return parts
    .map((part: unknown) =>
      typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'
        ? part.text
        : '',
    )
    .join('\n');
}
