/** One answer of a model in this process: thoughts, text and calls of functions, as they are made. */
import { transcriptStop } from '../formats/chat/template.js';
import type { Text } from '../formats/jinja/text.js';
import type { Engine, FinishReason, GenerateOptions, GenerateTimings, Tokenizer } from '../runtime/types.js';
import type { CompletionPrompt } from '../server/road/completion.js';
import { callingOf, type ParsedEvent } from '../server/road/tool-parser.js';
import { messagesForTemplate } from '../server/road/tools.js';

/** A conversation, the functions that may be called, and how. */
export type Conversation = Omit<Extract<CompletionPrompt, { readonly kind: 'messages' }>, 'kind'>;

export type TurnEvent =
  | ParsedEvent
  | {
      readonly type: 'end';
      readonly finishReason: FinishReason | 'tool_calls';
      readonly timings: GenerateTimings;
    };

/** A conversation as the model reads it. @throws OptionError on messages that the template refuses */
export function promptText(tokenizer: Tokenizer, conversation: Conversation): Text {
  const { messages, ...options } = messagesForTemplate(tokenizer.chatTemplate, {
    kind: 'messages',
    ...conversation,
  });
  const { continues = false, addGenerationPrompt = true } = conversation;
  return tokenizer.applyChatTemplate(messages, { ...options, continues, addGenerationPrompt });
}

/**
 * What a model answers to a conversation; a model without a chat template goes on with a plain transcript.
 * @throws OptionError on messages that the template refuses and on options that do not fit
 */
export async function* answer(
  engine: Engine,
  conversation: Conversation,
  options: GenerateOptions = {},
): AsyncGenerator<TurnEvent, void, void> {
  const { tokenizer } = engine;
  const text = promptText(tokenizer, conversation);
  const calling = callingOf(tokenizer, { kind: 'messages', ...conversation }, text);
  const { stop = [] } = options;
  const ownStop = tokenizer.chatTemplate === null ? [transcriptStop] : [];
  const ids = tokenizer.encode(text, { special: true, bos: false });
  for await (const chunk of engine.generate(ids, {
    ...options,
    ...calling?.options,
    stop: [...(typeof stop === 'string' ? [stop] : stop), ...ownStop],
  })) {
    if (!chunk.done) {
      const piece = { type: 'text' as const, ...chunk };
      if (calling) yield* calling.parser.push(piece);
      else yield piece;
      continue;
    }
    if (calling) yield* calling.parser.end();
    const isCall = calling !== null && calling.parser.calls > 0 && chunk.finishReason === 'stop';
    yield {
      type: 'end',
      finishReason: isCall ? 'tool_calls' : chunk.finishReason,
      timings: chunk.timings,
    };
  }
}
