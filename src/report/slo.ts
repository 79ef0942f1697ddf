/** Latency limits of the field, and public prices of an hour: conventions to hold an answer against. */

/** mlcommons/inference_policies, inference_rules.adoc at ac93e89 (2026-07-23): P99 of TTFT and TPOT, ms. */
export const MLPERF_SOURCE =
  'https://github.com/mlcommons/inference_policies/blob/ac93e89/inference_rules.adoc';

export const MLPERF_SLOS: readonly {
  readonly model: string;
  readonly serverMs: readonly [ttft: number, tpot: number];
  readonly interactiveMs: readonly [ttft: number, tpot: number];
}[] = [
  { model: 'Llama-3.1-8B', serverMs: [2000, 100], interactiveMs: [500, 30] },
  { model: 'Llama-2-70B', serverMs: [2000, 200], interactiveMs: [450, 40] },
  { model: 'Llama-3.1-405B', serverMs: [6000, 175], interactiveMs: [4500, 80] },
  { model: 'DeepSeek-R1', serverMs: [2000, 80], interactiveMs: [1500, 15] },
  { model: 'GPT-OSS-120B', serverMs: [3000, 80], interactiveMs: [2000, 20] },
];

/** SemiAnalysis InferenceX-app, packages/app/src/lib/constants.ts at 77ca49a: dollars per GPU and hour. */
export const PRICE_SOURCE =
  'https://github.com/SemiAnalysisAI/InferenceX-app/blob/77ca49a/packages/app/src/lib/constants.ts';

export const PUBLIC_PRICES: Readonly<
  Record<string, { readonly hyperscaler: number; readonly neocloud: number; readonly rental: number }>
> = {
  h100: { hyperscaler: 1.3, neocloud: 1.69, rental: 1.3 },
  h200: { hyperscaler: 1.41, neocloud: 1.74, rental: 1.6 },
  b200: { hyperscaler: 1.95, neocloud: 2.34, rental: 2.9 },
  gb200: { hyperscaler: 2.21, neocloud: 2.75, rental: 3.3 },
  mi300x: { hyperscaler: 1.12, neocloud: 1.4, rental: 1.55 },
};
