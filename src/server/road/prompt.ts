/** The ids that a request's prompt stands for, with no second BOS, and the stop string that its form needs. */
import { transcriptStop } from '../../formats/chat/template.js';
import type { Text } from '../../formats/jinja/text.js';
import type { Tokenizer } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
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

/** Throws OptionError or ApiError on messages that the template refuses, and on infill without such tokens. */
export function promptIds(tokenizer: Tokenizer, prompt: CompletionPrompt): PromptIds {
  switch (prompt.kind) {
    case 'ids':
      return { ids: prompt.ids, stop: prompt.stop ?? null };
    case 'text':
      return { ids: tokenizer.encode(prompt.text, { special: true }), stop: null };
    case 'infill':
      return { ids: infillIds(tokenizer, prompt.prefix, prompt.suffix), stop: null };
    case 'messages': {
      const text = promptText(tokenizer, prompt);
      const ids = promptCache(tokenizer).encode(text);
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

function infillIds(tokenizer: Tokenizer, prefix: string, suffix: string): number[] {
  const { fim, addBos, bosId } = tokenizer;
  if (fim === null)
    throw badRequest('This model cannot fill in the middle: it has no such tokens.', 'suffix');
  return [
    ...(addBos && bosId !== null ? [bosId] : []),
    fim.prefix,
    ...tokenizer.encode(prefix, { bos: false }),
    fim.suffix,
    ...tokenizer.encode(suffix, { bos: false }),
    fim.middle,
  ];
}

/** Bytes of the longest token: a text of more than so many times n bytes is certain to be longer than n tokens. */
export function longestTokenBytes(tokenizer: Tokenizer): number {
  let longest = longestTokens.get(tokenizer);
  if (longest === undefined) {
    // Control tokens have no bytes of their own, but a template writes their names.
    longest = 64;
    for (let id = 0; id < tokenizer.vocabSize; id++)
      longest = Math.max(longest, tokenizer.bytesOf(id).length);
    longestTokens.set(tokenizer, longest);
  }
  return longest;
}

const longestTokens = new WeakMap<Tokenizer, number>();

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

/** Encoding holds the event loop, about a second per MiB. */
export const mostCounted = 262_144;

/**
 * The tokens of a prompt that is only to be counted, as one request of its caller. Throws an ApiError with status 400
 * where it is so long that encoding it would hold up others, and with 429 at the caller's limit.
 */
export function countTokens(
  { host, keys, rates }: ServerContext,
  prompt: CompletionPrompt,
  caller: string,
): number {
  const { tokenizer, info } = host.require();
  const most = Math.max(mostCounted, 8 * info.context);
  const length = promptLength(prompt);
  if (length > most)
    throw badRequest(`A prompt of ${length} characters is too long to be counted: at most ${most}.`);
  rates.take(keys.caller(caller), 0);
  return promptIds(tokenizer, prompt).ids.length;
}
