/** Checks of a prompt, before anything is encoded. */
import { OptionError } from '../../core/errors.js';
import type { ChatMessage, Prompt } from '../types.js';
import { show } from './options.js';

/**
 * Tells what kind of prompt it is.
 * @throws OptionError for what is none, down to the fields of its messages
 */
export function checkPrompt(prompt: Prompt): 'text' | 'ids' | 'messages' {
  const given: unknown = prompt;
  if (typeof given === 'string') return 'text';
  if (!isList(given)) {
    throw new OptionError({
      what: 'prompt',
      given: given === null ? 'null' : typeof given,
      expected: 'a text, token ids, or messages such as [{ role: "user", content: "Hello" }]',
      todo: 'Pass one of the three as the first argument.',
    });
  }
  if (typeof given[0] === 'number' || given.length === 0) return 'ids';
  for (const [i, message] of given.entries()) checkMessage(message, `prompt[${i}]`);
  return 'messages';
}

function isList(value: unknown): value is ArrayLike<unknown> & readonly unknown[] {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

function checkMessage(message: unknown, what: string): asserts message is ChatMessage {
  if (typeof message !== 'object' || message === null) {
    throw new OptionError({
      what,
      given: show(message),
      expected: 'a message with role and content, as in the others of the list',
      todo: 'Do not mix messages with texts or ids.',
    });
  }
  for (const field of ['role', 'content'] as const) {
    const value: unknown = (message as Partial<Record<typeof field, unknown>>)[field];
    if (typeof value === 'string') continue;
    const isParts = field === 'content' && Array.isArray(value);
    throw new OptionError({
      what: `${what}.${field}`,
      given: isParts ? `a list of ${value.length} parts` : show(value),
      expected: 'a string',
      todo: isParts ? 'Join the texts of the parts; other kinds are not read.' : 'Give it as a text.',
    });
  }
}
