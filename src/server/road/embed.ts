/** The road of inputs that become vectors: checked, admitted, counted and noted as completions are. */
import type { EncodeTurn } from '../../runtime/engine/texts.js';
import type { EmbedOptions, Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { clientGone, contextOverflow, toApiError } from '../errors.js';
import { PRIORITIES } from './complete.js';
import type { ServiceTier } from './completion.js';
import { Observer } from './observe.js';
import { fewestTokens, longestTokenBytes } from './prompt.js';

/** A text, token ids, or both mixed. */
export type Input = string | readonly (string | number)[];

export interface EmbedRequest {
  /** Stands in logs and headers. */
  readonly id: string;
  /** Or what makes their ids, called once the request has its place. */
  readonly inputs: readonly Input[] | ((turn: EncodeTurn) => Promise<readonly (readonly number[])[]>);
  readonly options: Pick<EmbedOptions, 'dimensions' | 'normalize' | 'truncate'>;
  readonly caller: string;
  readonly tier: ServiceTier;
  /** The field of the inputs, for messages. */
  readonly param: string;
}

export interface Embedded {
  readonly embeddings: readonly Float32Array[];
  /** Of all inputs together. */
  readonly promptTokens: number;
}

/** Inputs of one request. */
export const mostInputs = 2048;

/** Rejects with an ApiError where the request cannot be taken or fails, and when the server shuts down. */
export async function embed(
  context: ServerContext,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<Embedded> {
  let run: () => Promise<Embedded>;
  try {
    run = await admitted(context, request, signal);
  } catch (thrown) {
    const error = toApiError(thrown);
    context.metrics.rejections.inc({ reason: error.facts.code });
    throw error;
  }
  return await run();
}

/** The checks come in the order of what they cost, so that a server at its limit refuses fast. */
async function admitted(
  context: ServerContext,
  request: EmbedRequest,
  signal: AbortSignal,
): Promise<() => Promise<Embedded>> {
  const { admission, lifecycle, host, keys, rates } = context;
  const { id, tier, caller, options } = request;
  lifecycle.requireOpen();
  const engine = host.require();
  const ticket = admission.admit(tier, caller);
  const inputs: (readonly number[])[] = [];
  let promptTokens = 0;
  try {
    rates.require(keys.caller(caller));
    const given = request.inputs;
    const all = typeof given === 'function' ? await given({ owner: caller, signal }) : given;
    for (const input of all) inputs.push(await idsOf(engine, request, input, signal));
    promptTokens = inputs.reduce((sum, ids) => sum + Math.min(ids.length, engine.info.context), 0);
    ticket.queue(promptTokens);
    await rates.take(keys.caller(caller), promptTokens);
  } catch (thrown) {
    ticket.release();
    throw signal.aborted ? clientGone() : thrown;
  }
  const end = lifecycle.begin();
  const observer = new Observer(context, { id, caller, tier, operation: 'embeddings' }, promptTokens);
  const stop = new AbortController();
  const cancel = (): void => stop.abort();
  const forgetCut = lifecycle.onCut(cancel);
  signal.addEventListener('abort', cancel);
  if (signal.aborted || lifecycle.cut.aborted) cancel();
  return async () => {
    try {
      ticket.start();
      const { embeddings } = await engine.embed(inputs, {
        ...options,
        priority: PRIORITIES[tier],
        shareKey: caller,
        signal: stop.signal,
      });
      observer.done();
      return { embeddings, promptTokens };
    } catch (thrown) {
      if (signal.aborted) observer.abandon();
      const error = toApiError(lifecycle.cut.aborted ? lifecycle.cut.reason : thrown);
      observer.fail(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', cancel);
      forgetCut();
      ticket.release();
      end();
    }
  };
}

async function idsOf(
  engine: Engine,
  { options, param, caller: owner }: EmbedRequest,
  input: Input,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { context } = engine.info;
  const isCut = options.truncate === true;
  const turn = { owner, signal };
  const length =
    typeof input === 'string'
      ? input.length
      : input.reduce<number>((sum, part) => sum + (typeof part === 'string' ? part.length : 0), 0);
  const tokens = fewestTokens(engine.tokenizer, length, context);
  // What is certain to be too long is not encoded.
  if (tokens > context && !(isCut && typeof input === 'string'))
    throw contextOverflow({ tokens, context }, param);
  let ids: readonly number[];
  if (typeof input === 'string') {
    const most = tokens > context ? longestTokenBytes(engine.tokenizer) * context : length;
    ids = await engine.encode(input.slice(0, most), turn);
  } else {
    const mixed: number[] = [];
    for (const part of input) {
      if (typeof part === 'number') mixed.push(part);
      else for (const id of await engine.encode(part, { ...turn, bos: false })) mixed.push(id);
    }
    ids = mixed;
  }
  if (ids.length > context && !isCut) throw contextOverflow({ tokens: ids.length, context }, param);
  return ids;
}
