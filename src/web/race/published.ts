/** What is known of the simulated speeds: their error against measurements, and what vendors publish. */

/** Mean errors of `waferflow validate`, in per cent. */
export const BANDS = {
  gpu: {
    tpot: 8.0,
    ttft: 19.9,
    short: '±8.0 %',
    said: 'Against 663 published measurements of GPU servers: 8.0 % off in the speed on average, 19.9 % in the first token.',
  },
  wafer: {
    tpot: 43,
    ttft: 50,
    short: '±43 %',
    said: 'Against what services on wafers publish: 43 % off in the speed on average, as vendors give neither clock nor kernels; first tokens within a factor of 1.5. Against measurements of a WSE-2: 0.5 % off.',
  },
} as const;

export interface Published {
  readonly model: string;
  readonly tokensPerSecond: number;
  readonly remark: string;
  readonly source: string;
}

/** Per user, on a service of wafers. */
export const PUBLISHED: readonly Published[] = [
  {
    model: 'llama-3.1-70b',
    tokensPerSecond: 450,
    remark: 'on 4 wafers in 2024; 2,314 later, with drafted tokens',
    source: 'https://cerebras.ai/blog/introducing-cerebras-inference-ai-at-instant-speed',
  },
  {
    model: 'llama-3.1-405b',
    tokensPerSecond: 969,
    remark: '',
    source: 'https://www.tomshardware.com',
  },
  {
    model: 'qwen3-32b',
    tokensPerSecond: 2100,
    remark: '',
    source: 'https://inference-docs.cerebras.ai/models/qwen-3-32b',
  },
];

/** The vendor's figure for this model on wafers; null where none is known. */
export function publishedOf(model: string): Published | null {
  return PUBLISHED.find((one) => one.model === model) ?? null;
}
