/**
 * The binary form: what is due within one turn of the event loop shares a frame. Frames are numbered and, in a session,
 * kept until the client says that it has them, so that a cut loses nothing and repeats nothing.
 */

import { packFrame } from '../../protocol/msgpack.js';
import {
  type BegunResponse,
  type EndedResponse,
  entryKind,
  type OutputLogprob,
  type ResponseEvent,
  type ResponseObject,
  type ServerEntry,
} from '../../protocol/protocol.js';
import type { Socket } from '../../protocol/ws.js';
import type { Delta, EventSink } from '../responses/events.js';
import type { Address, Wire } from './wire.js';

/** Bytes of entries that are not waiting for the end of the turn any more. */
const flushBytes = 16 * 1024;
/** What an entry takes beside its text, roughly. */
const entryBytes = 16;

export interface BinaryLimits {
  readonly highWaterBytes: number;
  /** Sent bytes that are kept until they are received; 0: nothing is kept, a cut is the end. */
  readonly unreceivedBytes: number;
}

interface SentFrame {
  readonly number: number;
  readonly bytes: Uint8Array;
}

interface OpenDeltas {
  readonly delta: Delta;
  readonly texts: string[];
  readonly logprobs: (readonly OutputLogprob[])[] | null;
  next: number;
}

export class BinaryWire implements Wire {
  /** Number of the last frame that came from the client. */
  received = 0;
  private readonly limits: BinaryLimits;
  private socket: Socket | null;
  private entries: ServerEntry[] = [];
  private bytes = 0;
  /** Ends the turn, if there is something to send. */
  private turnEnd: NodeJS.Immediate | null = null;
  private frame = 0;
  private readonly unreceived: SentFrame[] = [];
  private unreceivedBytes = 0;
  /** The last entry, while further deltas may join it. */
  private open: OpenDeltas | null = null;
  private wake: (() => void) | null = null;
  private waiting: Promise<void> | null = null;

  constructor(socket: Socket, limits: BinaryLimits) {
    this.socket = socket;
    this.limits = limits;
  }

  /** Speaks through another socket from now on: first the greeting, then what the client has not received yet. */
  attach(socket: Socket, lastFrame: number, greet: () => void): void {
    this.socket = null;
    this.flush();
    this.acknowledge(lastFrame);
    this.socket = socket;
    greet();
    for (const { bytes } of this.unreceived) socket.sendNow(bytes);
    this.wakeUp();
  }

  /** Without a socket frames are kept until there is no more room for them. */
  detach(): void {
    this.socket = null;
    this.wakeUp();
  }

  /** Whether the client can go on after this frame: nothing that it lacks is gone. */
  canResumeAfter(lastFrame: number): boolean {
    return lastFrame <= this.frame && lastFrame >= (this.unreceived[0]?.number ?? this.frame + 1) - 1;
  }

  /** The client has all frames up to this one. */
  acknowledge(lastFrame: number): void {
    while (this.unreceived.length > 0 && this.unreceived[0]!.number <= lastFrame)
      this.unreceivedBytes -= this.unreceived.shift()!.bytes.length;
    if (this.unreceivedBytes < this.limits.unreceivedBytes) this.wakeUp();
  }

  sinkFor({ request }: Address): EventSink {
    return {
      event: (event) => {
        const brief = briefEvent(event);
        if (brief !== null) this.push([entryKind.event, request, brief], entryBytes);
      },
      textDelta: (delta, text, logprobs) => this.pushDelta(entryKind.text, request, delta, text, logprobs),
      argumentsDelta: (delta, text) => this.pushDelta(entryKind.arguments, request, delta, text, []),
    };
  }

  get waitingBytes(): number {
    return this.unreceivedBytes;
  }

  event(event: object, { request }: Address): void {
    this.push([entryKind.event, request, event], entryBytes);
  }

  /** Sends an event outside the numbering, at once. */
  unnumbered(event: object): void {
    this.socket?.sendNow(packFrame([0, this.received, [entryKind.event, 0, event]]));
  }

  flush(): void {
    if (this.entries.length === 0) return;
    const bytes = packFrame([++this.frame, this.received, ...this.entries]);
    this.entries = [];
    this.bytes = 0;
    this.open = null;
    if (this.limits.unreceivedBytes > 0) {
      // A copy, since packed bytes share a larger buffer.
      this.unreceived.push({ number: this.frame, bytes: bytes.slice() });
      this.unreceivedBytes += bytes.length;
    }
    this.socket?.sendNow(bytes);
  }

  room(): Promise<void> | null {
    const { socket } = this;
    // The turn ends here where what there is to send would fill a frame.
    if (this.bytes >= flushBytes) {
      this.flush();
      return nextTurn();
    }
    const isKeptFull =
      this.limits.unreceivedBytes > 0 && this.unreceivedBytes + this.bytes >= this.limits.unreceivedBytes;
    const isSocketFull = socket !== null && socket.bufferedBytes >= this.limits.highWaterBytes;
    if (!isKeptFull && !isSocketFull) return null;
    this.waiting ??= this.roomAgain(isKeptFull ? null : socket).finally(() => {
      this.waiting = null;
      this.wake = null;
    });
    return this.waiting;
  }

  private roomAgain(socket: Socket | null): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    return socket === null ? woken : Promise.race([woken, socket.drained()]);
  }

  private wakeUp(): void {
    this.wake?.();
  }

  private pushDelta(
    kind: typeof entryKind.text | typeof entryKind.arguments,
    request: number,
    delta: Delta,
    text: string,
    logprobs: readonly OutputLogprob[],
  ): void {
    const { open } = this;
    const { sequenceNumber } = delta;
    if (
      open !== null &&
      open.delta === delta &&
      open.next === sequenceNumber &&
      logprobs.length > 0 === (open.logprobs !== null)
    ) {
      open.texts.push(text);
      open.logprobs?.push(logprobs);
      open.next++;
      this.bytes += text.length + 2;
      return;
    }
    const texts = [text];
    const kept = logprobs.length > 0 ? [logprobs] : null;
    if (kind === entryKind.arguments)
      this.push([kind, request, sequenceNumber, delta.outputIndex, texts], entryBytes + text.length);
    else if (kept === null)
      this.push([kind, request, sequenceNumber, delta.outputIndex, texts], entryBytes + text.length);
    else this.push([kind, request, sequenceNumber, delta.outputIndex, texts, kept], entryBytes + text.length);
    this.open = { delta, texts, logprobs: kept, next: sequenceNumber + 1 };
  }

  private push(entry: ServerEntry, bytes: number): void {
    this.entries.push(entry);
    this.bytes += bytes;
    this.open = null;
    this.turnEnd ??= setImmediate(this.endTurn);
  }

  private readonly endTurn = (): void => {
    this.turnEnd = null;
    this.flush();
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** An event without what the client has from others already; null where nothing is left of it. */
function briefEvent(event: ResponseEvent): object | null {
  switch (event.type) {
    case 'response.in_progress':
    case 'response.content_part.added':
    case 'response.output_text.done':
    case 'response.reasoning_text.done':
    case 'response.content_part.done':
    case 'response.function_call_arguments.done':
    case 'response.custom_tool_call_input.delta':
    case 'response.custom_tool_call_input.done':
      return null;
    case 'response.output_item.done': {
      if (event.item.type === 'custom_tool_call' || event.item.type === 'reasoning') return event;
      const { type, sequence_number, output_index, item } = event;
      return { type, sequence_number, output_index, item: { status: item.status } };
    }
    case 'response.created':
      return { ...event, response: begun(event.response) };
    case 'response.queued': {
      const { type, sequence_number, position } = event;
      return { type, sequence_number, position };
    }
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      return { ...event, response: ended(event.response) };
    default:
      return event;
  }
}

function begun(response: ResponseObject): BegunResponse {
  const { id, created_at, status, model, previous_response_id, waferflow } = response;
  return { id, created_at, status, model, previous_response_id, waferflow };
}

function ended({ status, completed_at, error, incomplete_details, usage }: ResponseObject): EndedResponse {
  return { status, completed_at, error, incomplete_details, usage };
}
