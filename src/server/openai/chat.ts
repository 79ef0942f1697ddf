/** `POST /v1/chat/completions`, whole and streamed. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { plain } from '../../formats/jinja/text.js';
import type { Tokenizer } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { clientSignal, counted, parseBody } from '../http.js';
import { useModel } from '../models/use.js';
import type { ToolCall } from '../road/completion.js';
import { countTokens, promptText } from '../road/prompt.js';
import type { MessagesPrompt } from '../road/tools.js';
import type { EndEvent } from '../road/usage.js';
import { weighed } from '../road/weighed.js';
import { sendStream } from '../stream.js';
import { callFinish, messageCalls } from './chat-calls.js';
import { chatBody, chatRequest } from './chat-request.js';
import { type ChatHead, chatChunks } from './chat-stream.js';
import { type ChoiceEvent, completeAll } from './choices.js';
import { tierName, tierOf } from './sampling.js';
import { chatLogprobs, fingerprint, newId, openAiStream, openAiUsage } from './shared.js';

export function registerChat(app: FastifyInstance, all: ServerContext): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    const body = parseBody(chatBody, request.body);
    const { context, model } = await useModel(
      all,
      request,
      reply,
      body.model,
      body.stream === true ? openAiStream : null,
    );
    const signal = clientSignal(request, reply);
    const { requests, tools } = await chatRequest(context, body, request.id, {
      owner: request.caller.name,
      signal,
    });
    const { tokenizer } = context.host.require();
    const events = await completeAll(context, requests, signal);
    const head = {
      id: newId('chatcmpl'),
      created: Math.floor(Date.now() / 1000),
      model,
      tier: tierName(tierOf(body.service_tier)),
      tools,
    };
    if (body.stream === true) {
      const options = {
        includeUsage: body.stream_options?.include_usage === true,
        withTimings: body.timings_per_token === true,
      };
      await sendStream(context, reply, chatChunks(events, head, tokenizer, options), openAiStream);
      return reply;
    }
    const whole = await wholeAnswer(weighed(events, request.holding), head, tokenizer, requests.length);
    if (body.verbose !== true) return whole;
    const prompt = plain(promptText(tokenizer, requests[0]!.prompt as MessagesPrompt));
    return { ...whole, __verbose: { prompt } };
  };
  // Clients differ in what they take for the base of all paths.
  for (const base of ['/v1/chat/completions', '/chat/completions']) {
    app.post(base, handle);
    app.post(`${base}/input_tokens`, counted, async (request, reply) => {
      const body = parseBody(chatBody, request.body);
      const { context } = await useModel(all, request, reply, body.model);
      const turn = { owner: request.caller.name, signal: clientSignal(request, reply) };
      const [first] = (await chatRequest(context, body, request.id, turn)).requests;
      const tokens = await countTokens(context.host.require(), first!.prompt, turn);
      return { object: 'response.input_tokens', input_tokens: tokens };
    });
  }
}

interface Choice {
  text: string;
  reasoning: string;
  readonly calls: { -readonly [K in keyof ToolCall]: ToolCall[K] }[];
  readonly logprobs: ReturnType<typeof chatLogprobs>;
  hasLogprobs: boolean;
  end: EndEvent | null;
}

async function wholeAnswer(
  events: AsyncIterable<ChoiceEvent>,
  { id, created, model, tier, tools }: ChatHead,
  tokenizer: Tokenizer,
  count: number,
) {
  const choices = Array.from(
    { length: count },
    (): Choice => ({ text: '', reasoning: '', calls: [], logprobs: [], hasLogprobs: false, end: null }),
  );
  for await (const { index, event } of events) {
    const choice = choices[index]!;
    if (event.type === 'text') {
      choice.text += event.text;
      if (event.logprobs) {
        choice.hasLogprobs = true;
        choice.logprobs.push(...chatLogprobs(tokenizer, event.logprobs));
      }
    } else if (event.type === 'reasoning') {
      choice.reasoning += event.text;
    } else if (event.type === 'toolCallStart') {
      choice.calls[event.index] = { id: event.id, name: event.name, arguments: '' };
    } else if (event.type === 'toolCallArguments') {
      choice.calls[event.index]!.arguments += event.text;
    } else if (event.type === 'end') {
      choice.end = event;
    }
  }
  return {
    id,
    object: 'chat.completion',
    created,
    model,
    choices: choices.map(({ text, reasoning, calls, logprobs, hasLogprobs, end }, index) => ({
      index,
      message: {
        role: 'assistant',
        content: text === '' && calls.length > 0 ? null : text,
        ...(reasoning !== '' && { reasoning_content: reasoning }),
        refusal: null,
        annotations: [],
        ...messageCalls(tools, calls),
      },
      logprobs: hasLogprobs ? { content: logprobs, refusal: null } : null,
      finish_reason: callFinish(tools, end?.finishReason ?? 'cancelled'),
    })),
    usage: openAiUsage([choices.flatMap(({ end }) => (end === null ? [] : [end]))]),
    service_tier: tier,
    system_fingerprint: fingerprint,
  };
}
