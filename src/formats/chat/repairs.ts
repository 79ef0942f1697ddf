/** Histories that a template refuses, said in other turns: without a system role, strictly by turns, one call at a time. */
import type { ChatMessage } from '../tokenizer-types.js';

type Repair = (messages: readonly ChatMessage[]) => readonly ChatMessage[];

/** In the order in which they are tried; each leaves what is said as it is. */
export function repairs(messages: readonly ChatMessage[]): readonly (readonly ChatMessage[])[] {
  const ways: readonly Repair[] = [
    merged,
    folded,
    (given) => merged(folded(given)),
    split,
    (given) => merged(folded(split(given))),
  ];
  return ways.map((way) => way(messages));
}

/** What a system says stands in front of the user's next words. */
function folded(messages: readonly ChatMessage[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  let waiting: string[] = [];
  for (const message of messages) {
    if (message.role === 'system') waiting.push(message.content);
    else if (message.role === 'user') {
      turns.push({ ...message, content: [...waiting, message.content].join('\n') });
      waiting = [];
    } else turns.push(message);
  }
  return waiting.length === 0 ? turns : [...turns, { role: 'user', content: waiting.join('\n') }];
}

/** Turns of one role in a row are one. */
function merged(messages: readonly ChatMessage[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const message of messages) {
    const last = turns.at(-1);
    const isOne =
      last?.role === message.role && message.role !== 'tool' && !last.tool_calls && !message.tool_calls;
    if (isOne) turns[turns.length - 1] = { ...last, content: `${last.content}\n${message.content}` };
    else turns.push(message);
  }
  return turns;
}

/** Each call is a turn of its own, with its result behind it. */
function split(messages: readonly ChatMessage[]): ChatMessage[] {
  const moved = new Set<ChatMessage>();
  const results = new Map<string | undefined, ChatMessage[]>();
  for (const message of messages) {
    if (message.role !== 'tool') continue;
    const same = results.get(message.tool_call_id);
    if (same === undefined) results.set(message.tool_call_id, [message]);
    else same.push(message);
  }
  return messages.flatMap((message): ChatMessage[] => {
    if (moved.has(message)) return [];
    const { tool_calls: calls = [] } = message;
    if (calls.length < 2) return [message];
    return calls.flatMap((call, i) => {
      const result = results.get(call.id)?.shift();
      const turn = { ...message, content: i === 0 ? message.content : '', tool_calls: [call] };
      if (!result) return [turn];
      moved.add(result);
      return [turn, result];
    });
  });
}
