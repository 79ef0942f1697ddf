/** The fleet simulator in its own thread. */
import type { FleetResult } from '../../fleet/types.js';
import { expose } from '../../runtime/link.js';
import { cardNamed } from '../plan/ask/cards.js';
import { runFleet } from './fleet-run.js';

export interface FleetApi {
  /** One result per number of wafers. */
  run(wafers: readonly number[]): readonly FleetResult[];
}

const card = cardNamed('llama-3.1-8b');

const api: FleetApi = { run: (wafers) => wafers.map((count) => runFleet(card, count)) };

expose(api, self);
