/** One client on a socket: takes its events, runs its responses in lanes, and remembers what they said. */
import { setMaxListeners } from 'node:events';
import type { IncompleteReason, RateLimitsEvent, SteerErrorCode } from '../../protocol/protocol.js';
import { ApiError, badRequest, toApiError } from '../errors.js';
import type { Holding } from '../gate/memory.js';
import { weigh } from '../gate/weight.js';
import { leaseModel, type Used } from '../models/use.js';
import { createBody, parse } from '../responses/body.js';
import { newId } from '../responses/ids.js';
import type { Prepared, ResponsesService } from '../responses/service.js';
import {
  parseCancel,
  parseCreate,
  parseSteer,
  requestError,
  steerFailed,
  steeringInput,
  typeOf,
} from './events.js';
import { type Active, ConnectionState, type CreateEvent, type Job, type Lane, type Steer } from './lane.js';
import type { SocketLimits } from './limits.js';
import { type Address, toAll, type Wire } from './wire.js';

export interface PeerOptions {
  readonly service: ResponsesService;
  readonly wire: Wire;
  readonly limits: SocketLimits;
  readonly holding: Holding;
  /** The caller's name. Throws an ApiError once the key is no longer good. */
  readonly authorize: () => string;
}

/** Client events that other servers know and that ask nothing of this one. */
const ignoredEvents: ReadonlySet<string> = new Set(['response.processed']);

export class Peer {
  /** Called when the last response under way has ended. */
  onIdle: () => void = () => undefined;
  private readonly options: PeerOptions;
  private readonly lanes = new Map<string | null, Lane>();
  private readonly state: ConnectionState;
  private readonly gone = new AbortController();
  private inFlight = 0;
  private refusal: ApiError | null = null;

  constructor(options: PeerOptions) {
    this.options = options;
    // Every response listens.
    setMaxListeners(0, this.gone.signal);
    this.state = new ConnectionState(options.limits.stateBytes);
  }

  get isBusy(): boolean {
    return this.inFlight > 0;
  }

  get holding(): Holding {
    return this.options.holding;
  }

  /** What its conversations and requests take in memory. */
  get heldBytes(): number {
    let bytes = this.state.heldBytes;
    for (const { jobs, bytes: running, active } of this.lanes.values()) {
      bytes += running;
      for (const job of jobs) bytes += job.bytes;
      for (const steer of active?.steers ?? []) bytes += steer.bytes;
    }
    return bytes;
  }

  /** From now on every new response is refused with this error. */
  refuse(error: ApiError): void {
    this.refusal = error;
  }

  /** Ends all that is under way: there is nobody to tell. */
  close(): void {
    this.gone.abort();
    for (const { jobs } of this.lanes.values()) this.inFlight -= jobs.splice(0).length;
    this.holding.release();
  }

  /** Takes one event of the client. Never throws: what is wrong is said to the client. Returns whether it made sense. */
  receive(event: unknown): boolean {
    let address = toAll;
    try {
      const bytes = weigh(event);
      const type = typeOf(event);
      switch (type) {
        case 'response.create': {
          const { stream_id, request } = parseCreate(event);
          address = { lane: stream_id ?? null, request: request ?? 0 };
          this.enqueue({ event: event as CreateEvent, address, bytes });
          return true;
        }
        case 'response.steer':
          this.steer(event, bytes);
          return true;
        case 'response.cancel':
          this.cancel(event);
          return true;
        default:
          if (ignoredEvents.has(type)) return true;
          throw badRequest(
            `There is no client event ${JSON.stringify(type.slice(0, 100))}.`,
            'type',
            'unknown_event',
          );
      }
    } catch (thrown) {
      this.tell(thrown, address);
      return false;
    }
  }

  tell(thrown: unknown, address: Address = toAll): void {
    const error = toApiError(thrown);
    if (error.facts.code === 'internal_error')
      this.options.service.context.log.error({ err: error.cause }, 'internal error');
    this.options.wire.event(requestError(error), address);
  }

  private enqueue(job: Job): void {
    if (this.refusal !== null) throw this.refusal;
    const { inFlight, namedLanes } = this.options.limits;
    if (this.inFlight >= inFlight) throw tooMany(`A connection has at most ${inFlight} responses in flight.`);
    this.holding.resize(this.holding.bytes + job.bytes);
    const lane = this.laneOf(job.address.lane, namedLanes);
    this.inFlight++;
    lane.jobs.push(job);
    if (lane.isRunning) return;
    lane.isRunning = true;
    this.runLane(lane).catch((error: unknown) => this.tell(error));
  }

  private laneOf(name: string | null, most: number): Lane {
    let lane = this.lanes.get(name);
    if (lane !== undefined) return lane;
    const named = this.lanes.size - (this.lanes.has(null) ? 1 : 0);
    if (name !== null && named >= most) throw tooMany(`A connection has at most ${most} lanes with a name.`);
    lane = { name, jobs: [], bytes: 0, active: null, starting: null, isRunning: false };
    this.lanes.set(name, lane);
    return lane;
  }

  private async runLane(lane: Lane): Promise<void> {
    // A drain waits until the last event is on its way, too.
    const end = this.options.service.context.lifecycle.begin();
    try {
      for (let job = lane.jobs.shift(); job !== undefined; job = lane.jobs.shift()) {
        lane.bytes = job.bytes;
        try {
          await this.runJob(lane, job);
        } finally {
          lane.bytes = 0;
          this.inFlight--;
        }
      }
    } finally {
      this.inFlight -= lane.jobs.splice(0).length;
      lane.isRunning = false;
      if (this.inFlight === 0) this.onIdle();
      setImmediate(end);
    }
  }

  private async runJob(lane: Lane, { event, address }: Job): Promise<void> {
    const { service, authorize } = this.options;
    const { type: _type, stream_id: _lane, request: _request, generate, stream: _stream, ...body } = event;
    const previousId = typeof body.previous_response_id === 'string' ? body.previous_response_id : null;
    // Cancelled while it waits for its model or for the tokens of its prompt.
    const stop = new AbortController();
    const leave = (): void => stop.abort(this.gone.signal.reason);
    this.gone.signal.addEventListener('abort', leave);
    lane.starting = { address, stop };
    try {
      const caller = authorize();
      const steers = previousId === null ? [] : this.state.takePending(previousId);
      const checked = parse(createBody, withSteers(body, steers));
      // What this connection has said is known to it.
      if (previousId === null || this.state.find(previousId) === null) await service.recall(checked, caller);
      const used = await leaseModel(
        service.context,
        checked.model,
        { owner: caller, signal: stop.signal },
        checked,
      );
      try {
        const { signal } = stop;
        const prepared = await service.prepare(
          checked,
          used,
          { owner: caller, signal },
          (id) => this.state.find(id) ?? service.store.get(id, caller),
          (id) => this.state.findItem(id) ?? service.store.item(id, caller),
        );
        await this.run(lane, prepared, { address, caller, used, signal, isWarmUp: generate === false });
      } finally {
        used.release();
      }
    } catch (thrown) {
      // A continuation that failed, for whatever reason, takes what it built on with it.
      if (previousId !== null) this.state.evict(previousId);
      this.tell(thrown, address);
    } finally {
      this.gone.signal.removeEventListener('abort', leave);
      lane.starting = null;
    }
  }

  /** Runs a response and then what it was steered to. Throws an ApiError where the first is not admitted. */
  private async run(lane: Lane, first: Prepared, how: RunHow): Promise<void> {
    const { service, wire } = this.options;
    const { address, caller, used, signal, isWarmUp } = how;
    let prepared = first;
    for (;;) {
      const run = await service.start({
        ...prepared,
        caller,
        sink: wire.sinkFor(address),
        signal,
        isWarmUp,
      });
      const active: Active = { run, address, steers: [] };
      lane.active = active;
      lane.starting = null;
      let isFirst = true;
      await service.drive(run, () => {
        if (isFirst) this.tellLimits(caller, active);
        isFirst = false;
        // Alone on its connection it shares its last frame with nothing: what is noted afterwards need not wait for.
        if (run.isOver && this.inFlight === 1) wire.flush();
        return wire.room();
      });
      lane.active = null;
      const kept = run.kept();
      if (run.error !== null) {
        const { previous_response_id: previousId } = kept.response;
        if (previousId !== null) this.state.evict(previousId);
        this.failSteers(active, 'The response failed.');
        return;
      }
      const calls = kept.response.output.filter((item) => 'call_id' in item);
      const isWaiting = active.steers.length > 0 && calls.length > 0;
      this.state.put(lane.name, kept, isWaiting ? active.steers : []);
      if (active.steers.length === 0 || this.gone.signal.aborted) return;
      if (isWaiting) {
        for (const { id } of active.steers)
          wire.event(
            {
              type: 'response.steer.pending',
              sequence_number: run.nextSequence(),
              steer: { id, previous_response_id: run.id },
              reason: 'waiting_for_required_input',
              required_input: calls.map(({ call_id }) => ({ type: 'function_call_output', call_id })),
            },
            address,
          );
        return;
      }
      try {
        this.options.authorize();
        const input = active.steers.flatMap((steer) => steer.input);
        const body = { ...prepared.request.body, input, previous_response_id: run.id };
        prepared = await service.prepare(
          parse(createBody, body),
          used,
          { owner: caller, signal },
          () => kept,
        );
      } catch (thrown) {
        this.failSteers(active, toApiError(thrown).facts.message);
        return;
      }
    }
  }

  private tellLimits(caller: string, { run, address }: Active): void {
    const { keys, rates } = this.options.service.context;
    const headers = rates.headers(keys.caller(caller));
    if (Object.keys(headers).length === 0) return;
    const event: RateLimitsEvent = {
      type: 'waferflow.rate_limits',
      sequence_number: run.nextSequence(),
      headers,
    };
    this.options.wire.event(event, address);
  }

  private failSteers({ steers, run, address }: Active, message: string): void {
    for (const steer of steers)
      this.options.wire.event(
        steerFailed(run.id, steer.id, steer.input, 'successor_creation_failed', message),
        address,
      );
  }

  private steer(event: unknown, bytes: number): void {
    const { previous_response_id: id, input } = parseSteer(event);
    const { wire, limits } = this.options;
    const active = this.activeWith(({ run }) => run.id === id);
    const fail = (code: SteerErrorCode, message: string): void =>
      wire.event(steerFailed(id, null, input, code, message), active?.address ?? toAll);
    if (active === null) {
      if (this.state.find(id) === null)
        fail('response_not_found', 'There is no such response on this connection.');
      else fail('response_already_completed', 'The response has ended: send a new one that goes on from it.');
      return;
    }
    const items = steeringInput(input);
    if (items === null) {
      fail('invalid_input', 'A response is steered with a text or with messages of the user.');
      return;
    }
    if (active.steers.length >= limits.pendingSteers) {
      fail('too_many_pending_steers', `At most ${limits.pendingSteers} steers wait for a response.`);
      return;
    }
    this.holding.resize(this.holding.bytes + bytes);
    const steer: Steer = { id: newId('steer'), input: items, bytes };
    active.steers.push(steer);
    const accepted = {
      type: 'response.steer.accepted',
      sequence_number: active.run.nextSequence(),
      steer: { id: steer.id, previous_response_id: id },
    };
    wire.event(accepted, active.address);
    // A call is not cut in two: its client answers it, and the steer goes with that.
    if (!active.run.isInCall) this.cut(active, 'steered');
  }

  private cancel(event: unknown): void {
    const { response_id: id, stream_id: name, request } = parseCancel(event);
    if (typeof request === 'number') this.cancelRequest(request);
    else {
      const active =
        typeof id === 'string'
          ? this.activeWith(({ run }) => run.id === id)
          : (this.lanes.get(name ?? null)?.active ?? null);
      const starting = typeof id === 'string' ? null : (this.lanes.get(name ?? null)?.starting ?? null);
      if (active === null && starting !== null) {
        starting.stop.abort(cancelledInLane());
        return;
      }
      if (active === null)
        throw badRequest(
          'There is no such response under way.',
          typeof id === 'string' ? 'response_id' : 'stream_id',
          'response_not_active',
        );
      this.cut(active, 'cancelled');
    }
  }

  /** Cancels by number; one that has ended already needs nothing. */
  private cancelRequest(request: number): void {
    const active = this.activeWith(({ address }) => address.request === request);
    if (active !== null) {
      this.cut(active, 'cancelled');
      return;
    }
    for (const { jobs, starting } of this.lanes.values()) {
      if (starting?.address.request === request) starting.stop.abort(cancelledInLane());
      const index = jobs.findIndex(({ address }) => address.request === request);
      if (index < 0) continue;
      const [job] = jobs.splice(index, 1);
      this.inFlight--;
      this.tell(cancelledInLane(), job!.address);
    }
  }

  private cut(active: Active, reason: IncompleteReason): void {
    // What was cancelled is not gone on with.
    if (reason === 'cancelled') active.steers.length = 0;
    active.run.cut(reason);
  }

  private activeWith(test: (active: Active) => boolean): Active | null {
    for (const { active } of this.lanes.values()) if (active !== null && test(active)) return active;
    return null;
  }
}

interface RunHow {
  readonly address: Address;
  readonly caller: string;
  readonly used: Used;
  readonly signal: AbortSignal;
  readonly isWarmUp: boolean;
}

/** A body with the steers that waited for it in front of its own input. */
function withSteers(
  body: Readonly<Record<string, unknown>>,
  steers: readonly Steer[],
): Readonly<Record<string, unknown>> {
  if (steers.length === 0) return body;
  const { input } = body;
  const own =
    typeof input === 'string' ? [{ role: 'user', content: input }] : Array.isArray(input) ? input : [];
  return { ...body, input: [...steers.flatMap((steer) => steer.input), ...(own as unknown[])] };
}

function tooMany(message: string): ApiError {
  return new ApiError({
    status: 429,
    type: 'rate_limit_error',
    code: 'websocket_stream_limit_reached',
    message,
  });
}

function cancelledInLane(): ApiError {
  return new ApiError({
    status: 499,
    type: 'invalid_request_error',
    code: 'response_cancelled',
    message: 'The response was cancelled before it began.',
  });
}
