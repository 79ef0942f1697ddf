/** What an hour of a machine costs: inputs of every cost, never results. */
import type { Constant } from '../core/provenance.js';

const LIKE = 'guess: as a WSE-3, by what its system is worth beside it';

const WAFER_DOLLARS_PER_HOUR: Readonly<Record<string, Constant>> = {
  'wse-2': { value: 35, tag: 'guessed', source: LIKE },
  'wse-3': {
    value: 41.96,
    tag: 'published',
    source:
      'an analyst’s estimate of cost, not an offer: SemiAnalysis’ calculator, 1.00 M$ a system (tokenomics.info/cerebras)',
  },
  'wse-3t': { value: 50, tag: 'guessed', source: LIKE },
  desk: { value: 0, tag: 'guessed', source: 'a machine of one’s own' },
};

/** The price of a wafer by name; one of a WSE-3 for wafers of one's own. */
export function waferPrice(name: string): Constant {
  return WAFER_DOLLARS_PER_HOUR[name] ?? WAFER_DOLLARS_PER_HOUR['wse-3']!;
}
