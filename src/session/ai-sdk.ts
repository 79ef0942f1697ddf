/**
 * `waferflow/ai-sdk`: an engine of this process as a language model of the Vercel AI SDK (`generateText`, `streamText`
 * and the rest), without a server. Written for version 3 of its provider interface, which AI SDK 6 speaks.
 */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3FinishReason,
  LanguageModelV3Prompt,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolResultOutput,
  LanguageModelV3Usage,
  SharedV3Warning,
} from '@ai-sdk/provider';
import { OptionError } from '../core/errors.js';
import type { Engine, GenerateOptions } from '../runtime/types.js';
import type { Message, ToolChoice } from '../server/road/completion.js';
import { answer, type Conversation, type TurnEvent } from './turn.js';

/** A language model for the AI SDK over an engine, which stays the caller's to close. */
export function languageModel(engine: Engine): LanguageModelV3 {
  const stream = (call: LanguageModelV3CallOptions): ReturnType<typeof begun> => begun(engine, call);
  return {
    specificationVersion: 'v3',
    provider: 'waferflow',
    modelId: engine.info.name,
    supportedUrls: {},
    async doStream(call) {
      const { warnings, events } = stream(call);
      return { stream: readable(parts(events, warnings)) };
    },
    async doGenerate(call) {
      const { warnings, events } = stream(call);
      return { ...(await whole(parts(events, []))), warnings };
    },
  };
}

function begun(
  engine: Engine,
  call: LanguageModelV3CallOptions,
): { readonly warnings: SharedV3Warning[]; readonly events: AsyncIterable<TurnEvent> } {
  const { messages, warnings } = messagesOf(call.prompt);
  const { tools, unknown } = toolsOf(call);
  const toolChoice = toolChoiceOf(call.toolChoice);
  const conversation: Conversation = {
    messages,
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && toolChoice !== undefined && { toolChoice }),
  };
  return {
    warnings: [...warnings, ...unknown],
    events: answer(engine, conversation, optionsOf(call)),
  };
}

function optionsOf(call: LanguageModelV3CallOptions): GenerateOptions {
  const { maxOutputTokens, stopSequences, responseFormat, abortSignal, topK, topP } = call;
  const { temperature, seed, presencePenalty, frequencyPenalty } = call;
  const schema = responseFormat?.type === 'json' ? responseFormat.schema : undefined;
  return {
    ...(maxOutputTokens !== undefined && { maxTokens: maxOutputTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...(seed !== undefined && { seed }),
    ...(stopSequences && { stop: stopSequences }),
    ...(abortSignal && { signal: abortSignal }),
    ...(responseFormat?.type === 'json' && {
      grammar: schema
        ? { type: 'jsonSchema' as const, schema: JSON.stringify(schema) }
        : { type: 'json' as const },
    }),
  };
}

function toolsOf({ tools = [] }: LanguageModelV3CallOptions): {
  readonly tools: NonNullable<Conversation['tools']>[number][];
  readonly unknown: SharedV3Warning[];
} {
  const known = tools.flatMap((tool) => (tool.type === 'function' ? [tool] : []));
  return {
    tools: known.map(({ name, description, inputSchema }) => ({
      name,
      ...(description !== undefined && { description }),
      parameters: inputSchema as Readonly<Record<string, unknown>>,
    })),
    unknown: tools.flatMap((tool): SharedV3Warning[] =>
      tool.type === 'function'
        ? []
        : [{ type: 'unsupported', feature: `tool ${tool.id}`, details: 'This model calls functions only.' }],
    ),
  };
}

function toolChoiceOf(choice: LanguageModelV3CallOptions['toolChoice']): ToolChoice | undefined {
  return choice?.type === 'tool' ? { name: choice.toolName } : choice?.type;
}

function messagesOf(prompt: LanguageModelV3Prompt): {
  readonly messages: Message[];
  readonly warnings: SharedV3Warning[];
} {
  const warnings: SharedV3Warning[] = [];
  const leftOut = (part: { readonly mediaType: string }): string => {
    warnings.push({
      type: 'unsupported',
      feature: `files (${part.mediaType})`,
      details: 'This model reads text only.',
    });
    return `[a file of type ${part.mediaType} that this model cannot read]`;
  };
  const messages = prompt.flatMap((message): Message[] => {
    if (message.role === 'system') return [{ role: 'system', content: message.content }];
    if (message.role === 'tool') {
      return message.content.flatMap((part): Message[] =>
        part.type === 'tool-result'
          ? [{ role: 'tool', content: resultText(part.output), toolCallId: part.toolCallId }]
          : [],
      );
    }
    if (message.role === 'user') {
      const texts = message.content.map((part) => (part.type === 'text' ? part.text : leftOut(part)));
      return [{ role: 'user', content: texts.join('\n') }];
    }
    const { content } = message;
    const of = (type: 'text' | 'reasoning'): string =>
      content.flatMap((part) => (part.type === type ? [part.text] : [])).join('');
    const toolCalls = content.flatMap((part) =>
      part.type === 'tool-call'
        ? [{ id: part.toolCallId, name: part.toolName, arguments: JSON.stringify(part.input) }]
        : [],
    );
    const reasoning = of('reasoning');
    return [
      {
        role: 'assistant',
        content: of('text'),
        ...(reasoning !== '' && { reasoning }),
        ...(toolCalls.length > 0 && { toolCalls }),
      },
    ];
  });
  return { messages, warnings };
}

function resultText(output: LanguageModelV3ToolResultOutput): string {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return output.value;
    case 'json':
    case 'error-json':
      return JSON.stringify(output.value);
    case 'execution-denied':
      return `The call was not allowed${output.reason === undefined ? '' : `: ${output.reason}`}.`;
    case 'content':
      return output.value.map((part) => (part.type === 'text' ? part.text : `[${part.type}]`)).join('\n');
    default:
      throw new OptionError({
        what: 'the result of a tool call',
        given: JSON.stringify((output satisfies never as { readonly type: unknown }).type),
        expected: 'text, json, error-text, error-json, execution-denied or content',
        todo: 'Use a version of the AI SDK that speaks version 3 of the provider interface, such as AI SDK 6.',
      });
  }
}

/** A stream that is pulled, and whose end the reader may not wait for. */
function readable<T>(source: AsyncGenerator<T, void, void>): ReadableStream<T> {
  return new ReadableStream<T>({
    async pull(controller) {
      const next = await source.next();
      if (next.done) controller.close();
      else controller.enqueue(next.value);
    },
    async cancel() {
      await source.return();
    },
  });
}

type Open = { readonly kind: 'text' | 'reasoning'; readonly id: string };

/** What the AI SDK reads from a stream: parts that open, go on and close. */
async function* parts(
  events: AsyncIterable<TurnEvent>,
  warnings: SharedV3Warning[],
): AsyncGenerator<LanguageModelV3StreamPart, void, void> {
  yield { type: 'stream-start', warnings };
  const opened: Open[] = [];
  const close = function* (): Generator<LanguageModelV3StreamPart> {
    const last = opened.pop();
    if (last) yield { type: `${last.kind}-end`, id: last.id };
  };
  let count = 0;
  const calls: { id: string; name: string; input: string }[] = [];
  for await (const event of events) {
    if (event.type === 'text' || event.type === 'reasoning') {
      if (event.text === '') continue;
      const kind = event.type;
      if (opened[0]?.kind !== kind) {
        yield* close();
        opened.push({ kind, id: `${count++}` });
        yield { type: `${kind}-start`, id: opened[0]!.id };
      }
      yield { type: `${kind}-delta`, id: opened[0]!.id, delta: event.text };
      continue;
    }
    yield* close();
    if (event.type === 'toolCallStart') {
      yield* closed(calls.at(-1));
      calls.push({ id: event.id, name: event.name, input: '' });
      yield { type: 'tool-input-start', id: event.id, toolName: event.name };
    } else if (event.type === 'toolCallArguments') {
      const last = calls.at(-1)!;
      last.input += event.text;
      yield { type: 'tool-input-delta', id: last.id, delta: event.text };
    } else {
      yield* closed(calls.at(-1));
      yield { type: 'finish', finishReason: finishOf(event), usage: usageOf(event) };
    }
  }
}

function* closed(
  call: { id: string; name: string; input: string } | undefined,
): Generator<LanguageModelV3StreamPart> {
  if (call === undefined) return;
  yield { type: 'tool-input-end', id: call.id };
  yield { type: 'tool-call', toolCallId: call.id, toolName: call.name, input: call.input || '{}' };
}

function finishOf({
  finishReason,
}: Extract<TurnEvent, { readonly type: 'end' }>): LanguageModelV3FinishReason {
  const unified = { stop: 'stop', length: 'length', tool_calls: 'tool-calls', cancelled: 'other' } as const;
  return { unified: unified[finishReason], raw: finishReason };
}

function usageOf({ timings }: Extract<TurnEvent, { readonly type: 'end' }>): LanguageModelV3Usage {
  const { promptTokens, cachedTokens, generatedTokens } = timings;
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: generatedTokens, text: undefined, reasoning: undefined },
  };
}

/** The parts of a stream put together. */
async function whole(stream: AsyncIterable<LanguageModelV3StreamPart>): Promise<{
  content: LanguageModelV3Content[];
  finishReason: LanguageModelV3FinishReason;
  usage: LanguageModelV3Usage;
}> {
  const content: LanguageModelV3Content[] = [];
  for await (const part of stream) {
    if (part.type === 'text-start') content.push({ type: 'text', text: '' });
    if (part.type === 'reasoning-start') content.push({ type: 'reasoning', text: '' });
    if (part.type === 'tool-call') content.push(part);
    if (part.type === 'text-delta' || part.type === 'reasoning-delta') {
      const last = content.at(-1);
      if (last?.type === 'text' || last?.type === 'reasoning') last.text += part.delta;
    }
    if (part.type === 'finish') return { content, finishReason: part.finishReason, usage: part.usage };
  }
  throw new Error('a generation ended without its last piece');
}
