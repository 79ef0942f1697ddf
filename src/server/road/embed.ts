/** The road of inputs that become vectors: checked, admitted, counted and noted as completions are. */
import type { EmbedInput, EmbedOptions, Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import { clientGone, contextOverflow, toApiError } from '../errors.js';
import { PRIORITIES } from './complete.js';
import type { ServiceTier } from './completion.js';
import { Observer } from './observe.js';
import { fewestTokens, longestTokenBytes } from './prompt.js';

export interface EmbedRequest {
  /** Stands in logs and headers. */
  readonly id: string;
  readonly inputs: readonly EmbedInput[];
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
    for (const input of request.inputs) inputs.push(await idsOf(engine, request, input, signal));
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
  input: EmbedInput,
  signal: AbortSignal,
): Promise<readonly number[]> {
  const { context } = engine.info;
  const isCut = options.truncate === true;
  const tokens = typeof input === 'string' ? fewestTokens(engine.tokenizer, input.length, context) : 0;
  // What is certain to be too long is not encoded.
  if (typeof input === 'string' && tokens > context) {
    if (!isCut) throw contextOverflow({ tokens, context }, param);
    return engine.encode(input.slice(0, longestTokenBytes(engine.tokenizer) * context), { owner, signal });
  }
  const ids = typeof input === 'string' ? await engine.encode(input, { owner, signal }) : input;
  if (ids.length > context && !isCut) throw contextOverflow({ tokens: ids.length, context }, param);
  return ids;
}
