/** How a peer speaks: one interface, and its JSON form. */

import type { Socket } from '../../protocol/ws.js';
import type { EventSink } from '../responses/events.js';
import { jsonSink } from '../responses/json.js';

/** Whom an event is for. */
export interface Address {
  /** The lane's `stream_id`; null for the one without a name. */
  readonly lane: string | null;
  /** Number of the request in the binary form; 0 in the JSON form and for what belongs to none. */
  readonly request: number;
}

export interface Wire {
  sinkFor(address: Address): EventSink;
  event(event: object, address: Address): void;
  /** Sends what is due now, not at the end of the turn. */
  flush(): void;
  /** Null while there is room; else settles when there is again, or when the socket is gone. */
  room(): Promise<void> | null;
}

export const toAll: Address = { lane: null, request: 0 };

/** A text frame for every event. */
export class JsonWire implements Wire {
  private readonly socket: Socket;
  private readonly highWaterBytes: number;
  private waiting: Promise<void> | null = null;

  constructor(socket: Socket, highWaterBytes: number) {
    this.socket = socket;
    this.highWaterBytes = highWaterBytes;
  }

  sinkFor({ lane }: Address): EventSink {
    return jsonSink((_type, json) => this.socket.send(json), lane);
  }

  event(event: object, { lane }: Address): void {
    this.socket.send(JSON.stringify(lane === null ? event : { ...event, stream_id: lane }));
  }

  flush(): void {
    this.socket.flush();
  }

  room(): Promise<void> | null {
    if (this.socket.bufferedBytes < this.highWaterBytes) return null;
    this.waiting ??= this.socket.drained().finally(() => {
      this.waiting = null;
    });
    return this.waiting;
  }
}
