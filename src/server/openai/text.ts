/** `POST /v1/completions`, whole and streamed. */
import type { FastifyInstance } from 'fastify';
import type { Tokenizer, TokenLogprobs } from '../../runtime/types.js';
import { requireModel, type ServerContext } from '../context.js';
import { clientSignal, parseBody } from '../http.js';
import type { CompletionPrompt } from '../road/completion.js';
import type { EndEvent } from '../road/usage.js';
import { sendStream } from '../stream.js';
import { type ChoiceEvent, completeAll } from './choices.js';
import { finishName, newId, openAiStream, openAiUsage, streamDone, tokenText } from './shared.js';
import { textBody, textRequests } from './text-request.js';

export function registerText(app: FastifyInstance, context: ServerContext): void {
  app.post('/v1/completions', async (request, reply) => {
    const body = parseBody(textBody, request.body);
    requireModel(context, body.model);
    const requests = textRequests(body, request.id, request.caller.name);
    const { tokenizer } = context.host.require();
    const events = completeAll(context, requests, clientSignal(request, reply));
    const answer: TextAnswer = {
      head: {
        id: newId('cmpl'),
        object: 'text_completion',
        created: Math.floor(Date.now() / 1000),
        model: context.model.id,
      },
      tokenizer,
      echoes: requests.map(({ prompt }) => (body.echo === true ? textOf(prompt, tokenizer) : '')),
      perPrompt: body.n ?? 1,
    };
    if (body.stream === true) {
      const includeUsage = body.stream_options?.include_usage === true;
      await sendStream(context, reply, textChunks(events, answer, includeUsage), openAiStream);
      return reply;
    }
    return wholeAnswer(events, answer);
  });
}

interface TextAnswer {
  readonly head: Readonly<Record<string, unknown>>;
  readonly tokenizer: Tokenizer;
  /** What each choice starts with. */
  readonly echoes: readonly string[];
  readonly perPrompt: number;
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

/** The API's older form of logprobs: lists side by side; `offset` is where the first token's text starts. */
function listLogprobs(tokenizer: Tokenizer, logprobs: readonly TokenLogprobs[], offset: number) {
  const tokens = logprobs.map((entry) => tokenText(tokenizer, entry));
  let at = offset;
  return {
    tokens: tokens.map(({ token }) => token),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: logprobs.map(({ top }) =>
      Object.fromEntries(
        top.map((likely) => tokenText(tokenizer, likely)).map(({ token, logprob }) => [token, logprob]),
      ),
    ),
    text_offset: tokens.map(({ token }) => {
      const start = at;
      at += token.length;
      return start;
    }),
  };
}

function usageOf(ends: readonly (EndEvent | null)[], perPrompt: number) {
  const prompts = Array.from({ length: ends.length / perPrompt }, (_, prompt) =>
    ends.slice(prompt * perPrompt, (prompt + 1) * perPrompt).filter((end) => end !== null),
  );
  return openAiUsage(prompts);
}

async function wholeAnswer(
  events: AsyncIterable<ChoiceEvent>,
  { head, tokenizer, echoes, perPrompt }: TextAnswer,
) {
  const texts = [...echoes];
  const logprobs: (TokenLogprobs[] | null)[] = echoes.map(() => null);
  const ends: (EndEvent | null)[] = echoes.map(() => null);
  for await (const { index, event } of events) {
    if (event.type === 'text') {
      texts[index] += event.text;
      if (event.logprobs) logprobs[index] = [...(logprobs[index] ?? []), ...event.logprobs];
    } else if (event.type === 'end') ends[index] = event;
  }
  return {
    ...head,
    choices: texts.map((text, index) => ({
      text,
      index,
      logprobs: logprobs[index] ? listLogprobs(tokenizer, logprobs[index], 0) : null,
      finish_reason: finishName(ends[index]?.finishReason ?? 'cancelled'),
    })),
    usage: usageOf(ends, perPrompt),
  };
}

async function* textChunks(
  events: AsyncIterable<ChoiceEvent>,
  { head, tokenizer, echoes, perPrompt }: TextAnswer,
  includeUsage: boolean,
): AsyncGenerator<string, void, void> {
  const start = `data: ${JSON.stringify(head).slice(0, -1)},"choices":[`;
  const end = includeUsage ? '],"usage":null}\n\n' : ']}\n\n';
  const chunk = (index: number, text: string, logprobs = 'null', reason = 'null'): string =>
    `${start}{"text":${JSON.stringify(text)},"index":${index},"logprobs":${logprobs},"finish_reason":${reason}}${end}`;
  const ends: (EndEvent | null)[] = echoes.map(() => null);
  const offsets = echoes.map(() => 0);
  for await (const { index, event } of events) {
    if (event.type === 'queued') yield `: queued, ${event.position} in front\n\n`;
    else if (event.type === 'started') {
      if (echoes[index]) yield chunk(index, echoes[index]);
    } else if (event.type === 'text') {
      if (event.text === '' && !event.logprobs?.length) continue;
      const logprobs = event.logprobs && listLogprobs(tokenizer, event.logprobs, offsets[index]!);
      offsets[index]! += event.text.length;
      yield chunk(index, event.text, logprobs && JSON.stringify(logprobs));
    } else if (event.type === 'end') {
      ends[index] = event;
      yield chunk(index, '', 'null', `"${finishName(event.finishReason)}"`);
    }
  }
  if (includeUsage) yield `${start}],"usage":${JSON.stringify(usageOf(ends, perPrompt))}}\n\n`;
  yield streamDone;
}
