/** What one socket, and all of them together, may take. */
import { KiB, MiB } from '../../core/units.js';

export interface SocketLimits {
  readonly connections: number;
  readonly messageBytes: number;
  readonly fragments: number;
  /** Frames in a row that make no sense. */
  readonly badFrames: number;
  /** Responses of a connection that run or wait in their lanes. */
  readonly inFlight: number;
  readonly namedLanes: number;
  readonly pendingSteers: number;
  /** Of the conversations that a connection can go on with. */
  readonly stateBytes: number;
  /** Unsent bytes above which nothing is pulled from the engine. */
  readonly highWaterBytes: number;
  /** A client that takes nothing for so long is cut off. */
  readonly stallMs: number;
  readonly firstFrameMs: number;
  /** Without a frame of the client and without a response under way. */
  readonly idleMs: number;
  readonly pingMs: number;
  /** After it no response is begun; the socket ends with the last one. */
  readonly lifetimeMs: number;
  /** How long a session without a socket is kept. */
  readonly graceMs: number;
  /** Sessions without a socket, all together and of one caller. */
  readonly detached: number;
  readonly detachedPerCaller: number;
  /** Sent bytes that a session keeps until the client has them. */
  readonly unreceivedBytes: number;
  /** Bytes that wait for a client in whatever way; with more it is cut off. */
  readonly waitingBytes: number;
}

const second = 1000;
const minute = 60 * second;

export const defaultSocketLimits: SocketLimits = {
  connections: 4096,
  messageBytes: 4 * MiB,
  fragments: 1024,
  badFrames: 16,
  inFlight: 16,
  namedLanes: 32,
  pendingSteers: 8,
  stateBytes: 16 * MiB,
  highWaterBytes: 64 * KiB,
  stallMs: 30 * second,
  firstFrameMs: 30 * second,
  idleMs: 15 * minute,
  pingMs: 30 * second,
  lifetimeMs: 60 * minute,
  graceMs: 30 * second,
  detached: 256,
  detachedPerCaller: 32,
  unreceivedBytes: 256 * KiB,
  waitingBytes: 8 * MiB,
};
