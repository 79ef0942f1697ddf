/** Reasoning items: what a model thought, as it goes to clients and comes back from them. */
import type {
  ContentPartEvent,
  InputItem,
  OutputReasoning,
  ReasoningDeltaEvent,
  ReasoningDoneEvent,
  SummaryDeltaEvent,
  SummaryDoneEvent,
  SummaryPartEvent,
} from '../../protocol/protocol.js';
import { decoded, encoded } from './encoded.js';

const mark = 'waferflow.thought.v1.';

/** What a client wants of thoughts beside their text. */
export interface ThoughtForm {
  /** Encoded as well, to send it back: some clients send nothing else. */
  readonly isKept: boolean;
  /** As a summary as well: some clients show nothing else. */
  readonly isSummed: boolean;
}

export function thoughtItem(
  id: string,
  text: string,
  status: OutputReasoning['status'],
  { isKept, isSummed }: ThoughtForm,
): OutputReasoning {
  const isDone = status !== 'in_progress';
  return {
    id,
    type: 'reasoning',
    status,
    summary: isSummed && isDone ? [{ type: 'summary_text', text }] : [],
    content: isDone ? [{ type: 'reasoning_text', text }] : [],
    ...(isKept && isDone && { encrypted_content: encoded(mark, text) }),
  };
}

type Unplaced<T> = T extends unknown ? Omit<T, 'sequence_number' | 'item_id' | 'output_index'> : never;
/** An event of a thought, without its number and its item. */
export type ThoughtEvent = Unplaced<
  | ContentPartEvent
  | ReasoningDeltaEvent
  | ReasoningDoneEvent
  | SummaryPartEvent
  | SummaryDeltaEvent
  | SummaryDoneEvent
>;

const content_index = 0;
const summary_index = 0;

export function openingEvents({ isSummed }: ThoughtForm): ThoughtEvent[] {
  const part = { type: 'summary_text', text: '' } as const;
  return [
    { type: 'response.content_part.added', content_index, part: { type: 'reasoning_text', text: '' } },
    ...(isSummed ? [{ type: 'response.reasoning_summary_part.added', summary_index, part } as const] : []),
  ];
}

export function deltaEvents({ isSummed }: ThoughtForm, delta: string): ThoughtEvent[] {
  return [
    { type: 'response.reasoning_text.delta', content_index, delta },
    ...(isSummed ? [{ type: 'response.reasoning_summary_text.delta', summary_index, delta } as const] : []),
  ];
}

export function closingEvents({ isSummed }: ThoughtForm, text: string): ThoughtEvent[] {
  const part = { type: 'summary_text', text } as const;
  return [
    { type: 'response.reasoning_text.done', content_index, text },
    { type: 'response.content_part.done', content_index, part: { type: 'reasoning_text', text } },
    ...(isSummed
      ? ([
          { type: 'response.reasoning_summary_text.done', summary_index, text },
          { type: 'response.reasoning_summary_part.done', summary_index, part },
        ] as const)
      : []),
  ];
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
