/** What llama.cpp's own clients ask beside OpenAI's API: `/completion`, `/infill`, `/props`, `/slots`, `/apply-template`. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { plain } from '../../formats/jinja/text.js';
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { clientSignal, counted, parseBody } from '../http.js';
import { type Used, useModel } from '../models/use.js';
import { messages, toMessages } from '../openai/chat-messages.js';
import { toChatTools, toolFields } from '../openai/chat-tools.js';
import { type ChoiceEvent, completeAll } from '../openai/choices.js';
import { openAiStream, tokenText } from '../openai/shared.js';
import { version } from '../operations.js';
import type { CompletionPrompt } from '../road/completion.js';
import { promptText } from '../road/prompt.js';
import { weighed } from '../road/weighed.js';
import { sendStream } from '../stream.js';
import { ending, settingsOf, withNames } from './ending.js';
import {
  completionBody,
  infillBody,
  infillPrompt,
  isList,
  type NativeBody,
  nativeOptions,
  promptsOf,
} from './request.js';

const templateBody = z.object({
  ...toolFields,
  model: z.string().nullish(),
  messages,
  add_generation_prompt: z.boolean().nullish(),
});

export function registerLlamaCpp(app: FastifyInstance, all: ServerContext): void {
  for (const path of ['/completion', '/completions'])
    app.post(path, async (request, reply) => {
      const body = parseBody(completionBody, request.body);
      const used = await useModel(all, request, reply, body.model);
      const turn = { owner: request.caller.name, signal: clientSignal(request, reply) };
      const prompts = await promptsOf(body, used.context.host.require(), turn);
      return answer(used, request, reply, { body, prompts, isList: isList(body.prompt) });
    });
  app.post('/infill', async (request, reply) => {
    const body = parseBody(infillBody, request.body);
    const used = await useModel(all, request, reply, body.model);
    return answer(used, request, reply, { body, prompts: [infillPrompt(body)], isList: false });
  });
  app.post('/apply-template', counted, async (request, reply) => {
    const body = parseBody(templateBody, request.body);
    const { context } = await useModel(all, request, reply, body.model);
    const { tools } = toChatTools(body);
    const prompt = {
      kind: 'messages',
      messages: toMessages(body.messages),
      tools,
      addGenerationPrompt: body.add_generation_prompt ?? true,
    } as const;
    return { prompt: plain(promptText(context.host.require().tokenizer, prompt)) };
  });
  app.get('/props', async (request, reply) => {
    const { context } = await useModel(all, request, reply, modelOf(request));
    const { info, tokenizer } = context.host.require();
    const textOf = (id: number | undefined | null): string =>
      id === undefined || id === null ? '' : new TextDecoder().decode(tokenizer.bytesOf(id));
    return {
      default_generation_settings: { n_ctx: info.context, params: { temperature: 0.8, top_k: 40 } },
      model_alias: context.model.id,
      model_path: context.model.id,
      chat_template: tokenizer.chatTemplate ?? '',
      bos_token: textOf(tokenizer.bosId),
      eos_token: textOf([...tokenizer.eosIds][0]),
      modalities: { vision: false, audio: false },
      build_info: `waferflow ${version}`,
    };
  });
  // A slot here is a request that runs; one stands for none.
  app.get('/slots', async (request, reply) => {
    const { context } = await useModel(all, request, reply, modelOf(request));
    const engine = context.host.require();
    const { running } = engine.stats();
    return Array.from({ length: Math.max(1, running) }, (_, id) => ({
      id,
      n_ctx: engine.info.context,
      is_processing: id < running,
    }));
  });
}

/** Of a request without a body: in its address, as llama.cpp's router has it. */
function modelOf({ query }: FastifyRequest): string | null {
  const { model } = z.looseObject({ model: z.string().nullish() }).parse(query);
  return model ?? null;
}

interface Asked {
  readonly body: NativeBody;
  readonly prompts: readonly CompletionPrompt[];
  readonly isList: boolean;
}

async function answer(
  { context, model }: Used,
  request: FastifyRequest,
  reply: FastifyReply,
  { body, prompts, isList: asList }: Asked,
): Promise<unknown> {
  const { tokenizer, info } = context.host.require();
  const options = nativeOptions(body, info, tokenizer);
  const requests = prompts.map((prompt) => ({
    id: request.id,
    prompt,
    caller: request.caller.name,
    tier: 'interactive' as const,
    options,
  }));
  const events = await completeAll(context, requests, clientSignal(request, reply));
  const parts = partsOf(body.stream === true ? events : weighed(events, request.holding), {
    model,
    tokenizer,
    options,
    count: prompts.length,
    context: info.context,
  });
  if (body.stream === true) {
    await sendStream(context, reply, frames(parts), openAiStream);
    return reply;
  }
  const whole = await wholeAnswers(parts, body);
  return asList ? whole : whole[0];
}

interface Head {
  readonly model: string;
  readonly tokenizer: Tokenizer;
  readonly options: ReturnType<typeof nativeOptions>;
  readonly count: number;
  readonly context: number;
}

/** A piece of an answer; the last one has `stop: true` and what there is to say at the end. */
interface Part {
  readonly index: number;
  readonly content: string;
  readonly tokens: readonly number[];
  readonly stop: boolean;
  readonly completion_probabilities?: readonly unknown[];
}

async function* partsOf(
  events: AsyncIterable<ChoiceEvent>,
  { model, tokenizer, options, count, context }: Head,
): AsyncGenerator<Part, void, void> {
  const prompts: (readonly number[])[] = Array.from({ length: count }, () => []);
  const hasNewLine = prompts.map(() => false);
  for await (const { index, event } of events) {
    if (event.type === 'started') prompts[index] = event.promptIds;
    else if (event.type === 'text') {
      if (event.text === '' && event.ids.length === 0) continue;
      hasNewLine[index] ||= event.text.includes('\n');
      yield {
        index,
        content: event.text,
        tokens: event.ids,
        stop: false,
        ...(event.logprobs && {
          completion_probabilities: event.logprobs.map((entry) => probability(tokenizer, entry)),
        }),
      };
    } else if (event.type === 'end') {
      yield {
        index,
        content: '',
        tokens: [],
        stop: true,
        ...ending(event, context),
        model,
        id_slot: 0,
        prompt: withNames(tokenizer, prompts[index]!),
        has_new_line: hasNewLine[index],
        generation_settings: settingsOf(options, tokenizer),
      } as Part;
    }
  }
}

function probability(tokenizer: Tokenizer, { id, logprob, top }: TokenLogprobs) {
  const entry = (token: { readonly id: number; readonly logprob: number }) => {
    const { bytes, ...rest } = tokenText(tokenizer, token);
    return { id: token.id, ...rest, bytes: bytes ?? [] };
  };
  return { ...entry({ id, logprob }), top_logprobs: top.map(entry) };
}

async function* frames(parts: AsyncIterable<Part>): AsyncGenerator<string, void, void> {
  for await (const part of parts) yield `data: ${JSON.stringify(part)}\n\n`;
}

interface Sum {
  content: string;
  readonly tokens: number[];
  readonly probabilities: unknown[];
}

async function wholeAnswers(parts: AsyncIterable<Part>, body: NativeBody): Promise<object[]> {
  const sums: Sum[] = [];
  const wholes: object[] = [];
  for await (const part of parts) {
    sums[part.index] ??= { content: '', tokens: [], probabilities: [] };
    const sum = sums[part.index]!;
    sum.content += part.content;
    if (body.return_tokens === true) sum.tokens.push(...part.tokens);
    sum.probabilities.push(...(part.completion_probabilities ?? []));
    const { content, tokens, probabilities } = sum;
    wholes[part.index] = {
      ...part,
      content,
      tokens,
      ...(probabilities.length > 0 && { completion_probabilities: probabilities }),
    };
  }
  const fields = body.response_fields ?? [];
  return fields.length === 0 ? wholes : wholes.map((whole) => picked(whole, fields));
}

/** The fields that are wanted; one inside of another is named by both, as in `timings/predicted_n`. */
function picked(whole: object, fields: readonly string[]): object {
  const entries = fields.flatMap((field) => {
    let value: unknown = whole;
    for (const name of field.split('/'))
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, name)
          ? (value as Readonly<Record<string, unknown>>)[name]
          : undefined;
    return value === undefined ? [] : [[field, value] as const];
  });
  return Object.fromEntries(entries);
}
