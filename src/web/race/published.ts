/** What is known of the simulated speeds: their error against measurements, and what vendors publish (docs/timing.md). */

/** Mean errors of `waferflow validate`, in per cent. */
export const BANDS = {
  gpu: {
    tpot: 8.2,
    ttft: 20.2,
    short: '±8.2 %',
    said: 'Against 667 published measurements of GPU servers: 8.2 % off in the speed on average, 20.2 % in the first token.',
  },
  wafer: {
    tpot: 0.5,
    ttft: 1.1,
    short: '±0.5 % of a WSE-2, guessed beyond',
    said: 'Against six published measurements of a WSE-2: 0.5 % off when writing, 1.1 % when reading a prompt. Clock and kernels of later wafers are not published: their speeds are guesses from these.',
  },
} as const;

interface Published {
  readonly model: string;
  readonly tokensPerSecond: string;
  readonly remark: string;
}

/** Per user, on the vendor's own service of wafers; 1024 tokens in and out in our own figure. */
const PUBLISHED: readonly Published[] = [
  { model: 'llama-3.1-8b', tokensPerSecond: '1,800', remark: 'of a shared service' },
  { model: 'llama-3.1-70b', tokensPerSecond: '450', remark: 'on 4 wafers; 2,100 with drafted tokens' },
  { model: 'llama-3.1-405b', tokensPerSecond: '969', remark: 'with drafted tokens' },
  { model: 'qwen3-32b', tokensPerSecond: '2,100', remark: '' },
  { model: 'gpt-oss-120b', tokensPerSecond: '3,000', remark: 'over 4,400 on the next machine' },
];

/** The vendor's figure for this model on wafers, in a sentence; null where none is known. */
export function publishedOf(model: string): string | null {
  const row = PUBLISHED.find((one) => one.model === model);
  if (row === undefined) return null;
  return `The vendor publishes ${row.tokensPerSecond} tokens/s per user${row.remark === '' ? '' : `, ${row.remark}`}.`;
}
