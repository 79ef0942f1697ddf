/** What an hour of a machine costs: inputs of every cost, never results. */
import type { Constant } from '../core/provenance.js';

/** No price of a wafer is public: a system of about 2.5 M$ over four years, with power and space. */
const GUESS = 'guess: about 2.5 M$ per system over four years, plus power and space';

const WAFER_DOLLARS_PER_HOUR: Readonly<Record<string, Constant>> = {
  'wse-2': { value: 70, tag: 'guessed', source: GUESS },
  'wse-3': { value: 80, tag: 'guessed', source: GUESS },
  'wse-3t': { value: 90, tag: 'guessed', source: GUESS },
  desk: { value: 0, tag: 'guessed', source: 'a machine of one’s own' },
};

/** The price of a wafer by name; one of a WSE-3 for wafers of one's own. */
export function waferPrice(name: string): Constant {
  return WAFER_DOLLARS_PER_HOUR[name] ?? WAFER_DOLLARS_PER_HOUR['wse-3']!;
}
