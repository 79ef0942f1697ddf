/** A model for a request, with the context that surfaces work on. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { haveSameTokens } from '../../runtime/engine/drafts.js';
import type { Engine } from '../../runtime/types.js';
import type { ServerContext } from '../context.js';
import type { EngineSource } from '../engine-host.js';
import { clientSignal } from '../http.js';
import { noteInStream, type StreamForm } from '../stream.js';
import type { NamedModel } from './models.js';
import { draftedEngine, modeOf } from './pair.js';
import { type Preset, presetEngine } from './preset.js';
import type { Served } from './served.js';

/** A model that a request has: the name that it was asked for by, and the context that it runs in, its own. */
export interface Used {
  readonly model: string;
  readonly context: ServerContext;
}

/** Who wants a model, and until when. */
export interface Asking {
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** To be released when the request is over. */
export interface Lease extends Used {
  release(): void;
}

const contexts = new WeakMap<Served | Preset, ServerContext>();

/** The context of a model, from that of any model of the same server. */
function contextOf(
  context: ServerContext,
  { name, served, preset, adapter, draft }: NamedModel,
): ServerContext {
  const { host, model } = served;
  if (draft !== null) return { ...context, host: draftedHost(host, draft.host), model };
  if (adapter !== null) return { ...context, host, model, adapter };
  if (model === context.model && preset === null) return context;
  let own = contexts.get(preset ?? served);
  if (own === undefined) {
    own =
      preset === null
        ? { ...context, host, model }
        : { ...context, host: presetHost(host, preset), model: { ...model, id: name } };
    contexts.set(preset ?? served, own);
  }
  return own;
}

/** A host whose engine is seen in another way. */
function viewedHost(host: EngineSource, view: (engine: Engine) => Engine): EngineSource {
  return {
    get state() {
      const { state } = host;
      return state.kind === 'ready' ? { ...state, engine: view(state.engine) } : state;
    },
    get reloads() {
      return host.reloads;
    },
    require: () => view(host.require()),
  };
}

function presetHost(host: EngineSource, preset: Preset): EngineSource {
  return viewedHost(host, (engine) => presetEngine(engine, preset));
}

/** With drafts, where both models have the same tokens. */
function draftedHost(host: EngineSource, draft: EngineSource): EngineSource {
  return viewedHost(host, (engine) => {
    const { state } = draft;
    const helps = state.kind === 'ready' && haveSameTokens(engine.tokenizer, state.engine.tokenizer);
    return helps ? draftedEngine(engine, state.engine) : engine;
  });
}

/**
 * Takes the model of that name, the first one where none is given. Waits while it is loaded; rejects with an ApiError
 * where no model has that name, or where it cannot be loaded.
 *
 * @param body of the request, which may say which of a pair answers
 */
export async function leaseModel(
  context: ServerContext,
  name: string | null | undefined,
  { signal, owner }: Asking,
  body: unknown,
): Promise<Lease> {
  const held = await context.models.use(name, { signal, owner, mode: modeOf(body) });
  return { model: held.name, context: contextOf(context, held), release: held.release };
}

/** A stream whose client waits longer is told so, this often. */
const NOTE_MS = 500;

/** As `leaseModel`, for a request over HTTP, until its connection is done with it; a stream says while it waits. */
export async function useModel(
  context: ServerContext,
  request: FastifyRequest,
  reply: FastifyReply,
  name: string | null | undefined,
  stream: StreamForm | null = null,
): Promise<Used> {
  const leased = leaseModel(
    context,
    name,
    { owner: request.caller.name, signal: clientSignal(request, reply) },
    request.body,
  );
  const clock =
    stream === null
      ? undefined
      : setInterval(
          () => noteInStream(context, reply, stream, waitsFor(context, name, request.body)),
          NOTE_MS,
        );
  const lease = await leased.finally(() => clearInterval(clock));
  if (reply.raw.closed) lease.release();
  else reply.raw.once('close', lease.release);
  return lease;
}

/** What a request waits for: room for its model, or its load. */
function waitsFor({ models }: ServerContext, asked: string | null | undefined, body: unknown): string {
  const { name, served } = models.find(asked, modeOf(body));
  const { state } = served.host;
  if (state.kind !== 'loading') return `${name} waits for room`;
  const { loadedBytes, totalBytes } = state.progress;
  return `loading ${name}, ${totalBytes > 0 ? Math.floor((100 * loadedBytes) / totalBytes) : 0} %`;
}
