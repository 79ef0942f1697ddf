/** `POST /v1/completions`, whole and streamed. */
import type { FastifyInstance } from 'fastify';
import type { Tokenizer } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { clientSignal, parseBody } from '../http.js';
import { useModel } from '../models/use.js';
import type { CompletionPrompt } from '../road/completion.js';
import type { EndEvent } from '../road/usage.js';
import { weighed } from '../road/weighed.js';
import { sendStream } from '../stream.js';
import { type ChoiceEvent, completeAll } from './choices.js';
import { isGiven } from './sampling.js';
import { fingerprint, finishName, newId, openAiStream, openAiUsage, streamDone } from './shared.js';
import { type ListLogprobs, TextLogprobs } from './text-logprobs.js';
import { textBody, textRequest } from './text-request.js';

export function registerText(app: FastifyInstance, all: ServerContext): void {
  app.post('/v1/completions', async (request, reply) => {
    const body = parseBody(textBody, request.body);
    const { context, model } = await useModel(
      all,
      request,
      reply,
      body.model,
      body.stream === true ? openAiStream : null,
    );
    const { tokenizer, info } = context.host.require();
    const asked = textRequest(body, info, request.id, request.caller.name);
    const { requests, made, sent } = asked;
    const events = await completeAll(context, requests, clientSignal(request, reply));
    const answer: TextAnswer = {
      head: {
        id: newId('cmpl'),
        object: 'text_completion',
        created: Math.floor(Date.now() / 1000),
        model,
        system_fingerprint: fingerprint,
      },
      tokenizer,
      echoes: requests.map(({ prompt }) => (body.echo === true ? textOf(prompt, tokenizer) : '')),
      made,
      sent,
      hasLogprobs: isGiven(body.logprobs),
    };
    if (body.stream === true) {
      const includeUsage = body.stream_options?.include_usage === true;
      await sendStream(context, reply, textChunks(events, answer, includeUsage), openAiStream);
      return reply;
    }
    return wholeAnswer(weighed(events, request.holding), answer);
  });
}

interface TextAnswer {
  readonly head: Readonly<Record<string, unknown>>;
  readonly tokenizer: Tokenizer;
  /** What each choice starts with. */
  readonly echoes: readonly string[];
  /** Completions that are made of each prompt, and those of them that are sent. */
  readonly made: number;
  readonly sent: number;
  readonly hasLogprobs: boolean;
}

function textOf(prompt: CompletionPrompt, tokenizer: Tokenizer): string {
  switch (prompt.kind) {
    case 'text':
      return prompt.text;
    case 'ids':
      return tokenizer.decode(prompt.ids);
    case 'infill':
      return prompt.prefix;
    case 'messages':
      return '';
    default:
      return prompt satisfies never;
  }
}

function usageOf(ends: readonly (EndEvent | null)[], made: number) {
  const prompts = Array.from({ length: ends.length / made }, (_, prompt) =>
    ends.slice(prompt * made, (prompt + 1) * made).filter((end) => end !== null),
  );
  return openAiUsage(prompts);
}

interface TextChoice {
  text: string;
  lists: ListLogprobs | null;
  /** Of all tokens made together. */
  logprob: number;
  end: EndEvent | null;
}

async function wholeAnswer(
  events: AsyncIterable<ChoiceEvent>,
  { head, tokenizer, echoes, made, sent, hasLogprobs }: TextAnswer,
) {
  const choices = echoes.map((text): TextChoice => ({ text, lists: null, logprob: 0, end: null }));
  const writers = echoes.map(() => new TextLogprobs(tokenizer));
  for await (const { index, event } of events) {
    const choice = choices[index]!;
    const writer = writers[index]!;
    if (event.type === 'started' && event.promptLogprobs)
      choice.lists = joined(choice.lists, writer.list(event.promptLogprobs, event.promptIds[0]));
    else if (event.type === 'text') {
      choice.text += event.text;
      for (const { logprob } of event.logprobs ?? []) choice.logprob += logprob;
      if (event.logprobs && hasLogprobs) choice.lists = joined(choice.lists, writer.list(event.logprobs));
    } else if (event.type === 'end') choice.end = event;
  }
  const perToken = ({ logprob, end }: TextChoice): number =>
    logprob / Math.max(1, end?.usage.completionTokens ?? 0);
  const best = Array.from({ length: choices.length / made }, (_, prompt) => {
    const own = choices.slice(prompt * made, (prompt + 1) * made);
    return made === sent ? own : own.sort((a, b) => perToken(b) - perToken(a)).slice(0, sent);
  });
  return {
    ...head,
    choices: best.flat().map(({ text, lists, end }, index) => ({
      text,
      index,
      logprobs: lists,
      finish_reason: finishName(end?.finishReason ?? 'cancelled'),
    })),
    usage: usageOf(
      choices.map(({ end }) => end),
      made,
    ),
  };
}

/** Appends to a list that was made here: copies of all for each token would take the square of their number. */
function joined(before: ListLogprobs | null, more: ListLogprobs): ListLogprobs {
  if (before === null) return more;
  before.tokens.push(...more.tokens);
  before.token_logprobs.push(...more.token_logprobs);
  before.top_logprobs.push(...more.top_logprobs);
  before.text_offset.push(...more.text_offset);
  return before;
}

async function* textChunks(
  events: AsyncIterable<ChoiceEvent>,
  { head, tokenizer, echoes, made }: TextAnswer,
  includeUsage: boolean,
): AsyncGenerator<string, void, void> {
  const start = `data: ${JSON.stringify(head).slice(0, -1)},"choices":[`;
  const end = includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  const chunk = (index: number, text: string, logprobs = 'null', reason = 'null'): string =>
    `${start}{"text":${JSON.stringify(text)},"index":${index},"logprobs":${logprobs},"finish_reason":${reason}}${end}`;
  const ends: (EndEvent | null)[] = echoes.map(() => null);
  const writers = echoes.map(() => new TextLogprobs(tokenizer));
  for await (const { index, event } of events) {
    if (event.type === 'queued') yield `: queued, ${event.position} in front\n\n`;
    else if (event.type === 'started') {
      const { promptLogprobs, promptIds } = event;
      const lists = promptLogprobs && writers[index]!.list(promptLogprobs, promptIds[0]);
      if (echoes[index] || lists) yield chunk(index, echoes[index]!, lists && JSON.stringify(lists));
    } else if (event.type === 'text') {
      if (event.text === '' && !event.logprobs?.length) continue;
      const lists = event.logprobs && writers[index]!.list(event.logprobs);
      yield chunk(index, event.text, lists && JSON.stringify(lists));
    } else if (event.type === 'end') {
      ends[index] = event;
      yield chunk(index, '', 'null', `"${finishName(event.finishReason)}"`);
    }
  }
  if (includeUsage) yield `${start}],"usage":${JSON.stringify(usageOf(ends, made))}}\n\n`;
  yield streamDone;
}
