/** Several completions for one request: all of them get a place, or none does. */
import { setMaxListeners } from 'node:events';
import type { ServerContext } from '../context.js';
import { type Completion, complete } from '../road/complete.js';
import type { CompletionEvent, CompletionRequest } from '../road/completion.js';

/** The events of one of several completions. */
export interface ChoiceEvent {
  readonly index: number;
  readonly event: CompletionEvent;
}

/** Admits all requests, or rejects with the ApiError of the first that cannot be taken and lets the others go. */
export async function completeAll(
  context: ServerContext,
  requests: readonly CompletionRequest[],
  signal: AbortSignal,
): Promise<AsyncIterable<ChoiceEvent>> {
  const [first] = requests;
  if (requests.length === 1 && first) return numbered(await complete(context, first, signal));
  const together = new AbortController();
  const all = AbortSignal.any([signal, together.signal]);
  // Every choice listens.
  setMaxListeners(0, all);
  try {
    const completions: Completion[] = [];
    for (const request of requests) completions.push(await complete(context, request, all));
    return merge(completions, together);
  } catch (error) {
    together.abort();
    throw error;
  }
}

async function* numbered(events: Completion): AsyncGenerator<ChoiceEvent, void, void> {
  for await (const event of events) yield { index: 0, event };
}

/** Events as they come, each completion's in its order; the first error ends all. */
async function* merge(
  completions: readonly Completion[],
  together: AbortController,
): AsyncGenerator<ChoiceEvent, void, void> {
  const iterators = completions.map((completion) => completion[Symbol.asyncIterator]());
  const next = (index: number) => iterators[index]!.next().then((result) => ({ index, result }));
  const pending = new Map(iterators.map((_, index) => [index, next(index)]));
  try {
    while (pending.size > 0) {
      const { index, result } = await Promise.race(pending.values());
      if (result.done === true) {
        pending.delete(index);
        continue;
      }
      pending.set(index, next(index));
      yield { index, event: result.value };
    }
  } finally {
    together.abort();
    await Promise.allSettled([...pending.values()]);
    await Promise.allSettled(iterators.map((iterator) => iterator.return?.()));
  }
}
