/** `POST /tokenize` and `/detokenize`, with the fields of the two servers that clients know them from. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Tokenizer } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { badRequest } from '../errors.js';
import { clientSignal, counted, parseBody } from '../http.js';
import { tokenIds } from '../list.js';
import { useModel } from '../models/use.js';
import { mostCounted, promptIds, promptLength } from '../road/prompt.js';
import { messages, toMessages } from './chat-messages.js';
import { isGiven } from './sampling.js';

const MAX_TEXT = mostCounted;

const text = z.string().max(MAX_TEXT, `expected at most ${MAX_TEXT} characters`);

const tokenizeBody = z.object({
  model: z.string().nullish(),
  prompt: text.nullish(),
  content: text.nullish(),
  messages: messages.nullish(),
  add_special_tokens: z.boolean().nullish(),
  add_special: z.boolean().nullish(),
  parse_special: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
  with_pieces: z.boolean().nullish(),
});

const detokenizeBody = z.object({
  model: z.string().nullish(),
  tokens: tokenIds({ most: MAX_TEXT }),
});

export function registerTokens(app: FastifyInstance, all: ServerContext): void {
  app.post('/tokenize', counted, async (request, reply) => {
    const body = parseBody(tokenizeBody, request.body);
    const { context } = await useModel(all, request, reply, body.model);
    const engine = context.host.require();
    const { tokenizer, info } = engine;
    const turn = { owner: request.caller.name, signal: clientSignal(request, reply) };
    const plain = body.prompt ?? body.content;
    let tokens: readonly number[];
    if (isGiven(body.messages)) {
      const prompt = { kind: 'messages', messages: toMessages(body.messages) } as const;
      if (promptLength(prompt) > MAX_TEXT)
        throw badRequest(`Expected at most ${MAX_TEXT} characters.`, 'messages');
      tokens = (await promptIds(engine, prompt, turn)).ids;
    } else if (isGiven(plain)) {
      // The one field is of a server that adds BOS by default, the other of one that does not; both read control tokens.
      const bos = body.add_special_tokens ?? body.add_special ?? isGiven(body.prompt);
      tokens = await engine.encode(plain, {
        ...turn,
        bos: bos && tokenizer.addBos,
        special: body.parse_special ?? true,
      });
    } else throw badRequest('Give a prompt, content or messages.', 'prompt');
    return {
      tokens: body.with_pieces === true ? tokens.map((id) => ({ id, piece: piece(tokenizer, id) })) : tokens,
      count: tokens.length,
      max_model_len: info.context,
      ...(body.return_token_strs === true && {
        token_strs: tokens.map((id) => tokenizer.decode([id], { continues: true })),
      }),
    };
  });
  // What lm-evaluation-harness asks of a server whose tokenizer it uses from afar.
  app.get('/tokenizer_info', async (request, reply) => {
    const { context } = await useModel(all, request, reply, null);
    const { tokenizer, info } = context.host.require();
    const textOf = (id: number | null | undefined): string | null =>
      id == null ? null : tokenizer.textOf(id);
    return {
      tokenizer_class: 'waferflow',
      bos_token: textOf(tokenizer.bosId),
      eos_token: textOf([...tokenizer.eosIds][0]),
      add_bos_token: tokenizer.addBos,
      add_eos_token: tokenizer.addEos,
      chat_template: tokenizer.chatTemplate,
      vocab_size: tokenizer.vocabSize,
      model_max_length: info.context,
    };
  });
  app.post('/detokenize', counted, async (request, reply) => {
    const body = parseBody(detokenizeBody, request.body);
    const { context } = await useModel(all, request, reply, body.model);
    const decoded = context.host.require().tokenizer.decode(body.tokens);
    return { prompt: decoded, content: decoded };
  });
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a token, or its bytes where it is no whole characters. */
function piece(tokenizer: Tokenizer, id: number): string | number[] {
  const bytes = tokenizer.bytesOf(id);
  try {
    return strict.decode(bytes);
  } catch {
    return [...bytes];
  }
}
