/** The ids that a request's prompt stands for, with no second BOS, and the stop string that its form needs. */
import { transcriptStop } from '../../formats/chat/template.js';
import type { Tokenizer } from '../../runtime/types.js';
import { badRequest } from '../errors.js';
import type { CompletionPrompt } from './completion.js';
import { PromptCache } from './prompt-cache.js';
import { messagesForTemplate } from './tools.js';

export interface PromptIds {
  readonly ids: readonly number[];
  /** Ends an answer in a form that has no end token. */
  readonly stop: string | null;
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
      const { messages, ...options } = messagesForTemplate(tokenizer.chatTemplate, prompt);
      const text = tokenizer.applyChatTemplate(messages, options);
      const ids = promptCache(tokenizer).encode(text);
      return { ids, stop: tokenizer.chatTemplate === null ? transcriptStop : null };
    }
    default:
      return prompt satisfies never;
  }
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
      return prompt.messages.reduce((sum, { content }) => sum + content.length, 0);
    default:
      return prompt satisfies never;
  }
}
