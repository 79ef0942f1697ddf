/** Old turns that go where a conversation has outgrown the context. */
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine } from '../../runtime/types.js';
import type { CompletionPrompt } from './completion.js';
import { fewestTokens, promptIds, promptLength } from './prompt.js';

/** Room that is left for an answer of unknown length, where that is no more than a quarter of the context. */
const answerTokens = 256;
/** What a template writes around a turn, in tokens, is less. */
const turnTokens = 64;

/** Whether a prompt leaves room for an answer of so many tokens. */
export async function leavesRoom(
  engine: Engine,
  prompt: CompletionPrompt,
  maxTokens: number | null,
  turn: EncodeTurn,
): Promise<boolean> {
  const { context } = engine.info;
  // Certain without encoding it, which takes as long as the text is.
  if (fewestTokens(engine.tokenizer, promptLength(prompt), context) > context) return false;
  const room = Math.min(maxTokens ?? answerTokens, context >> 2);
  return (await promptIds(engine, prompt, turn)).ids.length + room <= context;
}

/** The smallest of 0 to `last` that fits, or `last` if none does; what fits goes on fitting. */
export async function firstThatFits(
  last: number,
  fitsFrom: (from: number) => Promise<boolean>,
): Promise<number> {
  let low = 0;
  let high = Math.max(0, last);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await fitsFrom(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * A conversation without its oldest turns, so that it leaves room for an answer. System messages stay, and so does the
 * last turn of the user with all that follows; results do not stay without their calls.
 */
export async function withoutOldTurns(
  engine: Engine,
  prompt: Extract<CompletionPrompt, { readonly kind: 'messages' }>,
  maxTokens: number | null,
  turn: EncodeTurn,
): Promise<CompletionPrompt> {
  const { messages, tools } = prompt;
  const most =
    3 * promptLength(prompt) + turnTokens * (messages.length + 1) + JSON.stringify(tools ?? []).length;
  if (most < engine.info.context >> 1 || (await leavesRoom(engine, prompt, maxTokens, turn))) return prompt;
  const starts = messages.flatMap(({ role }, index) => (role === 'user' ? [index] : []));
  const from = (start: number): CompletionPrompt => ({
    ...prompt,
    messages: messages.filter(({ role }, index) => role === 'system' || index >= (starts[start] ?? 0)),
  });
  const first = await firstThatFits(starts.length - 1, (start) =>
    leavesRoom(engine, from(start), maxTokens, turn),
  );
  return from(first);
}
