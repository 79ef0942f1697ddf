/**
 * How a model writes a call, learnt from its own template: what it makes of a turn with a call, compared with the prompt
 * in front of such a turn. So an answer that must be a call has the form that the model was trained on.
 */
import { isDeepStrictEqual as isEqual } from 'node:util';
import { answerReader, callsOf } from '../../formats/answer/answer.js';
import { callEnds } from '../../formats/answer/forms.js';
import { thoughts } from '../../formats/answer/thoughts.js';
import { plain } from '../../formats/jinja/text.js';
import type { Tokenizer } from '../../runtime/types.js';
import type { Message, Tool } from './completion.js';
import { promptText } from './prompt.js';
import { type CallFrame, type MessagesPrompt, templateOf } from './tools.js';

const name = 'probe_function';
const given = '{"probe_argument": "probe value"}';
const probe: Tool = {
  name,
  description: 'A probe',
  parameters: { type: 'object', properties: { probe_argument: { type: 'string' } }, required: [] },
};
const asked: Message = { role: 'user', content: 'Probe' };
/** Some templates write ids of their own form only, others nothing but what a name is in. */
const ids = [`functions.${name}:0`, 'a1b2c3d4e'];
const written = /\{\s*"probe_argument"\s*:\s*"probe value"\s*\}/g;

const frames = new WeakMap<Tokenizer, Map<string, CallFrame | null>>();

/** Null where the template writes arguments in another way than as JSON, or where what it writes is not read back. */
export function callFrame(tokenizer: Tokenizer, { variables }: MessagesPrompt): CallFrame | null {
  const known = frames.get(tokenizer) ?? new Map<string, CallFrame | null>();
  frames.set(tokenizer, known);
  const key = JSON.stringify(variables ?? null);
  let frame = known.get(key);
  if (frame === undefined) {
    frame = ids.map((id) => found(tokenizer, variables, id)).find((one) => one !== null) ?? null;
    if (known.size >= mostKept) known.clear();
    known.set(key, frame);
  }
  return frame;
}

/** Of clients that send other variables with each request. */
const mostKept = 64;

function found(tokenizer: Tokenizer, variables: MessagesPrompt['variables'], id: string): CallFrame | null {
  const common = { kind: 'messages', tools: [probe], ...(variables && { variables }) } as const;
  const template = templateOf(tokenizer, { ...common, messages: [asked] });
  // Others are told of JSON in words of our own.
  if (template === null || !/\btools\b/.test(template)) return null;
  const call: Message = { role: 'assistant', content: '', toolCalls: [{ id, name, arguments: given }] };
  let prompt: string;
  let whole: string;
  try {
    prompt = plain(promptText(tokenizer, { ...common, messages: [asked] }));
    whole = plain(promptText(tokenizer, { ...common, messages: [asked, call], addGenerationPrompt: false }));
  } catch {
    return null;
  }
  const start = lengthInCommon(prompt, whole);
  const turn = withoutEnd(whole.slice(start), tokenizer);
  const places = [...turn.matchAll(written)];
  const [place] = places;
  // What the prompt has and a turn with a call has not can be a thought, which has to end first.
  const rest = prompt.slice(start).trim();
  const thought = thoughts.find(({ open }) => rest.startsWith(open));
  if (place === undefined || places.length > 1 || (rest !== '' && thought === undefined)) return null;
  const isOpen = thought !== undefined && !rest.endsWith(thought.close);
  const before = (isOpen ? `${thought.close}\n\n` : '') + turn.slice(0, place.index);
  const after = closeOf(turn.slice(place.index + place[0].length));
  if (!before.includes(name) || after.includes(name)) return null;
  const reader = answerReader({ template, promptEnd: prompt, tools: [probe] });
  const [read, ...others] = callsOf([...reader.push(before + place[0] + after), ...reader.end()]);
  const isSame = read?.name === name && isEqual(JSON.parse(read.arguments), JSON.parse(given));
  if (!isSame || others.length > 0) return null;
  return { before: (other) => before.replaceAll(name, () => other), after };
}

/** Marks that both begin with are part of neither. */
function lengthInCommon(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  const open = a.lastIndexOf('<', length - 1);
  return open > a.lastIndexOf('>', length - 1) ? open : length;
}

/** What closes a call; all that follows is of the next turn. */
function closeOf(text: string): string {
  const [brackets] = /^[^<]*/.exec(text)!;
  const mark = callEnds.find((end) => text.startsWith(end, brackets.length));
  return mark === undefined ? brackets.trimEnd() : brackets + mark;
}

/** What the end of the answer says by itself. */
function withoutEnd(turn: string, tokenizer: Tokenizer): string {
  const ends = [...tokenizer.eosIds].map((id) => turn.indexOf(tokenizer.textOf(id))).filter((at) => at >= 0);
  return turn.slice(0, ends.length > 0 ? Math.min(...ends) : turn.length).trimEnd();
}
