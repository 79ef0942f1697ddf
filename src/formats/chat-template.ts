/**
 * Chat templates: Jinja in the model file, rendered with the variables that Hugging Face's templates rely on. A
 * template is a program of the model's author: it sees the messages and nothing else, but nothing bounds its time.
 */
import { Template } from '@huggingface/jinja';
import { FormatError, messageOf, OptionError } from '../core/errors.js';
import type { ChatMessage, ChatTemplateOptions } from './tokenizer-types.js';

export interface TemplateTokens {
  readonly bos: string;
  readonly eos: string;
}

/** Renders messages up to where the assistant's answer starts. */
export type ChatRenderer = (messages: readonly ChatMessage[], options?: ChatTemplateOptions) => string;

/** Compiles a template. Throws FormatError when it is no valid Jinja; the result throws OptionError on refused messages. */
export function compileChatTemplate(source: string, tokens: TemplateTokens): ChatRenderer {
  let template: Template;
  try {
    template = new Template(source);
  } catch (thrown) {
    throw new FormatError(
      {
        what: 'the chat template of the model',
        given: messageOf(thrown),
        expected: 'a Jinja template',
        todo: 'Give a plain prompt instead of messages, or take another file of this model.',
      },
      { cause: thrown },
    );
  }
  return (messages, { tools } = {}) => {
    checkMessages(messages);
    try {
      return template.render({
        messages: messages.map((message) => ({ ...message })),
        ...(tools !== undefined && { tools }),
        add_generation_prompt: true,
        bos_token: tokens.bos,
        eos_token: tokens.eos,
      });
    } catch (thrown) {
      throw new OptionError(
        {
          what: 'messages for the chat template of the model',
          given: messageOf(thrown),
          expected: 'messages that the template accepts',
          todo: 'Start with at most one system message, then alternate user and assistant.',
        },
        { cause: thrown },
      );
    }
  };
}

/**
 * What a model without a template gets: a plain transcript, which base models continue well. Its answer ends where
 * it starts the next turn, so {@link transcriptStop} is the string to stop at.
 */
export function plainTranscript(bos: string): ChatRenderer {
  const names = { system: '', user: 'User: ', assistant: 'Assistant: ', tool: 'Tool: ' } as const;
  return (messages) => {
    checkMessages(messages);
    const turns = messages.map(({ role, content }) => `${names[role]}${content.trim()}\n`);
    return `${bos}${turns.join('')}Assistant:`;
  };
}

export const transcriptStop = '\nUser:';

function checkMessages(messages: readonly ChatMessage[]): void {
  if (messages.length > 0) return;
  throw new OptionError({
    what: 'messages',
    given: 'none',
    expected: 'at least one',
    todo: 'Give a message with the role "user".',
  });
}
