/** Chat templates: Jinja in the model file, rendered with the variables that Hugging Face's templates rely on. */
import { FormatError, messageOf, OptionError } from '../../core/errors.js';
import { defaultLimits, type Limits } from '../jinja/budget.js';
import { JinjaError } from '../jinja/errors.js';
import { type RenderOptions, Template } from '../jinja/template.js';
import { plain, said, sliced, type Text, TextBuilder } from '../jinja/text.js';
import type { Value } from '../jinja/values.js';
import type { ChatMessage, ChatTemplateOptions } from '../tokenizer-types.js';
import { repairs } from './repairs.js';
import { type ArgumentsAs, messageValue, toolValue, toValue } from './variables.js';

export interface TemplateTokens {
  readonly bos: string;
  readonly eos: string;
}

/** Renders messages up to where the assistant's answer starts, or goes on. */
export type ChatRenderer = (messages: readonly ChatMessage[], options?: ChatTemplateOptions) => Text;

/** Compiles Jinja. Throws FormatError where it is none. */
export function compileTemplate(source: string): Template {
  try {
    return new Template(source);
  } catch (thrown) {
    throw new FormatError(
      {
        what: 'the chat template of the model',
        given: messageOf(thrown),
        expected: 'a Jinja template',
        todo: 'Give a plain prompt instead of messages, or another template with --chat-template-file.',
      },
      { cause: thrown },
    );
  }
}

/** Renders as the template stands. Throws OptionError where it refuses or takes too long. */
export function renderTemplate(
  template: Template,
  variables: ReadonlyMap<string, Value>,
  options?: RenderOptions,
): Text {
  try {
    return template.render(variables, options);
  } catch (thrown) {
    throw thrown instanceof JinjaError ? refusal(thrown) : thrown;
  }
}

function refusal(error: JinjaError): OptionError {
  const isOwn = error.kind === 'TemplateError';
  const isBudget = error.kind === 'BudgetError';
  return new OptionError(
    {
      what: 'messages for the chat template of the model',
      given: isOwn || isBudget ? error.message : `${error.kind}: ${error.message}`,
      expected: isBudget
        ? 'a template and messages that are rendered within the limits'
        : 'messages that the template accepts',
      todo: isOwn
        ? 'Change the messages as the template says, or give another template with --chat-template-file.'
        : 'Give fewer or other messages, or another template with --chat-template-file.',
    },
    { cause: error },
  );
}

/**
 * A chat template that is to be rendered often. Throws FormatError when it is no valid Jinja.
 *
 * @param defaults variables that hold where a conversation has none of that name
 */
export function compileChatTemplate(
  source: string,
  tokens: TemplateTokens,
  defaults: Readonly<Record<string, unknown>> = {},
): ChatRenderer {
  const template = compileTemplate(source);
  const renderWith = (
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions,
    argumentsAs: ArgumentsAs,
  ): Text => {
    const { tools, continues = false, variables, now } = options;
    const given = new Map<string, Value>([
      ['messages', messages.map((message) => messageValue(message, argumentsAs))],
      ['tools', tools === undefined ? null : tools.map(toolValue)],
      ['documents', null],
      ['add_generation_prompt', !continues && (options.addGenerationPrompt ?? true)],
      ['bos_token', tokens.bos],
      ['eos_token', tokens.eos],
    ]);
    for (const [name, value] of Object.entries({ ...defaults, ...variables }))
      given.set(name, toValue(value));
    const limits = limitsFor(messages);
    const text = renderTemplate(template, given, now ? { now, limits } : { limits });
    return continues ? openAt(text, messages.at(-1)!.content) : text;
  };
  const render: ChatRenderer = (messages, options = {}) => {
    try {
      return renderWith(messages, options, 'values');
    } catch (thrown) {
      const hasCalls = messages.some(({ tool_calls: calls }) => calls !== undefined);
      if (!hasCalls || !isOf(thrown, 'TypeError')) throw thrown;
      // Some templates put them together as texts.
      return renderWith(messages, options, 'text');
    }
  };
  return (messages, options) => {
    checkMessages(messages);
    try {
      return render(messages, options);
    } catch (thrown) {
      // A template itself says no.
      if (!isOf(thrown, 'TemplateError')) throw thrown;
      for (const other of repairs(messages)) {
        try {
          return render(other, options);
        } catch (again) {
          if (!isOf(again, 'TemplateError')) throw again;
        }
      }
      throw thrown;
    }
  };
}

function isOf(thrown: unknown, kind: JinjaError['kind']): boolean {
  return thrown instanceof OptionError && thrown.cause instanceof JinjaError && thrown.cause.kind === kind;
}

/** What a template may take grows with what it has to say. */
function limitsFor(messages: readonly ChatMessage[]): Limits {
  const length = messages.reduce((sum, { content }) => sum + content.length, 0);
  const { steps, characters, depth } = defaultLimits;
  return {
    steps: steps + 2000 * messages.length + (length >> 2),
    characters: characters + 16 * length,
    depth,
  };
}

/** A conversation up to the end of what its last message says, so that the answer goes on there. */
function openAt(text: Text, content: string): Text {
  const all = plain(text);
  const core = content.trim();
  const at = all.lastIndexOf(core);
  if (at < 0) {
    throw new OptionError({
      what: 'the last message, which the answer is to continue',
      given: 'a message that the chat template leaves out or changes',
      expected: 'one whose text stands in the prompt',
      todo: 'Let the conversation end with a message of the user.',
    });
  }
  const withSpace = content.trimStart();
  return sliced(text, 0, at + (all.startsWith(withSpace, at) ? withSpace : core).length);
}

/**
 * What a model without a template gets: a plain transcript, which base models continue well. Its answer ends where
 * it starts the next turn, so {@link transcriptStop} is the string to stop at.
 */
export function plainTranscript(bos: string): ChatRenderer {
  const names = { system: '', user: 'User: ', assistant: 'Assistant: ', tool: 'Tool: ' } as const;
  return (messages, { continues = false, addGenerationPrompt = true } = {}) => {
    checkMessages(messages);
    const builder = new TextBuilder();
    builder.add(bos);
    for (const [i, { role, content }] of messages.entries()) {
      builder.add(names[role]);
      const isOpen = continues && i === messages.length - 1;
      const text = isOpen ? content.trimStart() : content.trim();
      builder.add(said(text));
      if (!isOpen) builder.add('\n');
    }
    if (!continues && addGenerationPrompt) builder.add('Assistant:');
    return builder.build();
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
