/** The events of an answer that is collected before it is sent: what it grows to is held for its client. */
import type { Holding } from '../gate/memory.js';
import type { CompletionEvent } from './completion.js';

/** Of a token with its log-probability, and of each of those beside it. */
const logprobBytes = 200;

/** Passes events on. Ends with an ApiError of status 503 where there is no room for what they add up to. */
export async function* weighed<T extends CompletionEvent | { readonly event: CompletionEvent }>(
  events: AsyncIterable<T>,
  holding: Holding,
): AsyncGenerator<T, void, void> {
  let due = 0;
  for await (const each of events) {
    due += bytesOf('event' in each ? each.event : each);
    if (due > leastBytes) {
      holding.resize(holding.bytes + due);
      due = 0;
    }
    yield each;
  }
}

/** Told to the holding at a time. */
const leastBytes = 16 * 1024;

function bytesOf(event: CompletionEvent): number {
  if (event.type === 'toolCallArguments' || event.type === 'reasoning') return 2 * event.text.length;
  if (event.type !== 'text') return 0;
  const { text, ids, logprobs = [] } = event;
  let entries = 0;
  for (const { top } of logprobs) entries += 1 + top.length;
  return 2 * text.length + 8 * ids.length + logprobBytes * entries;
}
