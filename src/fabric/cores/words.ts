/** What stands where in the typed arrays of the fast core. */

// Words of a queue. Pops and pushes only ever count up; their difference is what the queue holds.
export const POPS = 0;
export const PUSHES = 1;
/** Cycle of the last pop. */
export const POPPED = 2;
export const CAPACITY = 3;
export const WRAP = 4;
/** Where its wavelets go: offset of the one queue, SHUT, or -2 - row of the multicast table. */
export const OUT = 5;
/** Word of the sending router that tells when its link was last used; 0 behind a CE. */
export const LINK = 6;
/** Offset of the router that takes wavelets from here, or -1 - offset of the CE. */
export const TAKER = 7;
/** Number among the queues of its router. */
export const PLACE = 8;
export const LATENCY = 9;
/** Offset of the router that pushes here, or -1 - offset of the CE: woken when a place gets free. */
export const SENDER = 10;
/** Offset of the wavelets: pairs of payload and `ready cycle * 4 + mark`. */
export const RING = 11;
export const OWN_RING = 12;
/** Where a CE fills or empties the queue, so that its ring lies elsewhere: bits of the threads that wait for it. */
export const WAITERS = 12;
export const SHUT = -1;
export const LINE = 16;

// Words of a router, a line each. AWAKE is also the first word of a CE.
export const AWAKE = 0;
/** Cycle in which each of the five outputs was last used. */
export const USED = 1;
export const FIRST_QUEUE = 6;
export const GROUPS = 7;
/** Bits of non-empty queues, 32 to a word. */
export const MASK = 8;

// Words of a CE, and of a vector operation, CE_LINE each.
export const THREAD_MASK = 1;
export const RAMP_USED = 2;
export const ALU_USED = 3;
export const ALU_COUNT = 4;
/** Bits of the threads that may act: those that do not wait for a queue. */
export const READY = 5;
export const CE_LINE = 8;
export const INPUT = 0;
export const OUTPUT = 1;
export const OFFSET = 2;
export const LEFT = 3;
export const FOLDING = 4;
export const STORE = 5;
export const LAST_MARK = 6;

/** Words of a row of the multicast table: how many queues, and their offsets. */
export const FAN_LINE = 8;

export const NEVER = -1;
