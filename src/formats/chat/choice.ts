/** Which of a file's chat templates holds: the one that was asked for, the file's own, and the one for functions. */
import { OptionError } from '../../core/errors.js';
import type { GgufFile } from '../gguf.js';
import { compileTemplate } from './template.js';

export interface ChatTemplates {
  readonly chat: string | null;
  /** Where the conversation has functions. */
  readonly tools: string | null;
}

const key = 'tokenizer.chat_template';
/** The name that transformers gives to a template for functions. */
const toolName = 'tool_use';

/**
 * Throws FormatError or OptionError where what is wanted is neither Jinja nor the name of a template in the file.
 *
 * @param wanted Jinja, the name of a template in the file, or null for the file's own
 */
export function chatTemplates(file: GgufFile, wanted: string | null): ChatTemplates {
  const named = (name: string): string | null => file.optional(`${key}.${name}`, 'string', null);
  if (wanted === null) {
    const chat = file.optional(key, 'string', null) ?? named('default');
    return { chat, tools: named(toolName) ?? chat };
  }
  const isName = /^[\w-]+$/.test(wanted);
  const chat = isName ? (wanted === 'default' ? file.optional(key, 'string', null) : named(wanted)) : wanted;
  if (chat === null) {
    const names = [...file.metadata.keys()].flatMap((one) =>
      one.startsWith(`${key}.`) ? [one.slice(key.length + 1)] : [],
    );
    throw new OptionError({
      what: 'option chatTemplate',
      given: wanted,
      expected: `Jinja, or the name of a template in the file, which has ${names.join(', ') || 'none by name'}`,
      todo: 'Give Jinja, for example from a file with --chat-template-file.',
    });
  }
  compileTemplate(chat);
  return { chat, tools: chat };
}
