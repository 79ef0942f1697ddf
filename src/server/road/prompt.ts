/** The ids that a request's prompt stands for, with no second BOS, and the stop string that its form needs. */
import { transcriptStop } from '../../formats/chat/template.js';
import type { Text } from '../../formats/jinja/text.js';
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { Engine, Tokenizer } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import type { CompletionPrompt } from './completion.js';
import { PromptCache } from './prompt-cache.js';
import { type MessagesPrompt, messagesForTemplate, templateOf } from './tools.js';

export interface PromptIds {
  readonly ids: readonly number[];
  /** Ends an answer in a form that has no end token. */
  readonly stop: string | null;
  /** Of a conversation: what its template made of it. */
  readonly text?: Text;
}

/** What is needed of an engine to make tokens of a prompt. */
export type Encoder = Pick<Engine, 'tokenizer' | 'encode'>;

/** Of prompts whose requests go on: their choices, and those who look whether there is room, share the ids. */
const made = new WeakMap<
  CompletionPrompt,
  { readonly tokenizer: Tokenizer; readonly ids: Promise<PromptIds> }
>();

/** Rejects with OptionError or ApiError on messages that the template refuses, and on infill without such tokens. */
export function promptIds(
  engine: Encoder,
  prompt: CompletionPrompt,
  turn: EncodeTurn = {},
): Promise<PromptIds> {
  const { tokenizer } = engine;
  const known = made.get(prompt);
  if (known?.tokenizer === tokenizer) return known.ids;
  const ids = idsOf(engine, prompt, turn);
  made.set(prompt, { tokenizer, ids });
  ids.catch(() => made.delete(prompt));
  return ids;
}

async function idsOf(engine: Encoder, prompt: CompletionPrompt, turn: EncodeTurn): Promise<PromptIds> {
  const { tokenizer } = engine;
  switch (prompt.kind) {
    case 'ids':
      return { ids: prompt.ids, stop: prompt.stop ?? null };
    case 'text':
      return { ids: await engine.encode(prompt.text, { special: true, ...turn }), stop: null };
    case 'infill':
      return { ids: await infillIds(engine, prompt, turn), stop: null };
    case 'messages': {
      const text = promptText(tokenizer, prompt);
      const ids = await promptCache(tokenizer).encode(text, (part) =>
        engine.encode(part, { special: true, bos: false, ...turn }),
      );
      return { ids, stop: tokenizer.chatTemplate === null ? transcriptStop : null, text };
    }
    default:
      return prompt satisfies never;
  }
}

/** A conversation as the model reads it. Throws OptionError on messages that the template refuses. */
export function promptText(
  tokenizer: Tokenizer,
  prompt: MessagesPrompt,
): ReturnType<Tokenizer['applyChatTemplate']> {
  const { messages, ...options } = messagesForTemplate(templateOf(tokenizer, prompt), prompt);
  const { continues = false, addGenerationPrompt = true } = prompt;
  return tokenizer.applyChatTemplate(messages, { ...options, continues, addGenerationPrompt });
}

function promptCache(tokenizer: Tokenizer): PromptCache {
  let cache = promptCaches.get(tokenizer);
  if (cache === undefined) {
    cache = new PromptCache(tokenizer);
    promptCaches.set(tokenizer, cache);
  }
  return cache;
}

const promptCaches = new WeakMap<Tokenizer, PromptCache>();

async function infillIds(
  engine: Encoder,
  { prefix, suffix }: Extract<CompletionPrompt, { readonly kind: 'infill' }>,
  turn: EncodeTurn,
): Promise<number[]> {
  const { fim, addBos, bosId } = engine.tokenizer;
  if (fim === null)
    throw badRequest('This model cannot fill in the middle: it has no such tokens.', 'suffix');
  const [before, behind] = [
    await engine.encode(prefix, { bos: false, ...turn }),
    await engine.encode(suffix, { bos: false, ...turn }),
  ];
  return [
    ...(addBos && bosId !== null ? [bosId] : []),
    fim.prefix,
    ...before,
    fim.suffix,
    ...behind,
    fim.middle,
  ];
}

/** Bytes of the longest token: a text of more than so many times n bytes is certain to be longer than n tokens. */
export function longestTokenBytes(tokenizer: Tokenizer): number {
  let longest = longestTokens.get(tokenizer);
  if (longest === undefined) {
    // Control tokens have no bytes of their own, but a template writes their names.
    longest = usualBytes;
    for (let id = 0; id < tokenizer.vocabSize; id++)
      longest = Math.max(longest, tokenizer.bytesOf(id).length);
    longestTokens.set(tokenizer, longest);
  }
  return longest;
}

const longestTokens = new WeakMap<Tokenizer, number>();
/** No token of most vocabularies is longer. */
const usualBytes = 64;

/** The fewest tokens that a text of so many UTF-16 units can have; 0 where that is no more than `most` at first sight. */
export function fewestTokens(tokenizer: Tokenizer, length: number, most: number): number {
  // To look at every token takes a quarter of a second in large vocabularies, and few texts are so long.
  return length > most * usualBytes ? Math.floor(length / longestTokenBytes(tokenizer)) : 0;
}

/** The length in UTF-16 units of all text in a prompt, a lower bound of its bytes. */
export function promptLength(prompt: CompletionPrompt): number {
  switch (prompt.kind) {
    case 'ids':
      return 0;
    case 'text':
      return prompt.text.length;
    case 'infill':
      return prompt.prefix.length + prompt.suffix.length;
    case 'messages':
      return lengthOfMessages(prompt);
    default:
      return prompt satisfies never;
  }
}

/** With what tools and calls say, as templates write it all. */
function lengthOfMessages({ messages, tools = [] }: Extract<CompletionPrompt, { kind: 'messages' }>): number {
  let length = 0;
  for (const { content, toolCalls = [] } of messages) {
    length += content.length;
    for (const call of toolCalls) length += call.name.length + call.arguments.length;
  }
  for (const { name, description = '' } of tools) length += name.length + description.length;
  return length;
}

/** Of a text that is only counted, in UTF-16 units: there is no context to bound it, and a helper is at it for a second. */
export const mostCounted = 262_144;

/** The tokens of a prompt that is only to be counted. Rejects with an ApiError with status 400 where it is very long. */
export async function countTokens(
  engine: Engine,
  prompt: CompletionPrompt,
  turn: EncodeTurn,
): Promise<number> {
  const most = Math.max(mostCounted, 8 * engine.info.context);
  const length = promptLength(prompt);
  if (length > most)
    throw badRequest(`A prompt of ${length} characters is too long to be counted: at most ${most}.`);
  return (await promptIds(engine, prompt, turn)).ids.length;
}
