/** What replicas of a server have in common, over Redis: limits of keys, stored responses, and streams under way. */
import type { Log } from '../log.js';
import { EventLog } from './event-log.js';
import { SharedRates } from './rates.js';
import { RedisLink } from './redis.js';
import { SharedResponses } from './responses.js';

/** A server starts without Redis as well, after so long: it may come later. */
const PATIENCE_MS = 2000;

export interface Shared {
  readonly rates: SharedRates;
  readonly responses: SharedResponses;
  readonly events: EventLog;
  /** Says what there is left to say, and ends. */
  close(): Promise<void>;
}

/** @throws OptionError for a URL that is none of Redis */
export async function connectShared(url: string, log: Log): Promise<Shared> {
  const link = new RedisLink(url, log);
  await link.connected(PATIENCE_MS);
  const rates = new SharedRates(link, log);
  const responses = new SharedResponses(link, log);
  const events = new EventLog(link, log);
  return {
    rates,
    responses,
    events,
    async close() {
      events.close();
      await Promise.all([rates.close(), responses.close()]);
      link.close();
    },
  };
}
