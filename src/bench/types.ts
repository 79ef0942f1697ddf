/**
 * What `waferflow bench` finds out: one result, which the console, `--json` and the reports read. Measured and
 * simulated figures stand in lists of their own and are never mixed.
 */
import type { MeasuredMs, SimulatedMs } from '../core/units.js';

/** Who did the work. `baseline` is the GPU-style engine on gpu.js; the others are peers that may be installed. */
export type Contender = 'waferflow' | 'baseline' | 'node-llama-cpp' | 'wllama';

/**
 * `prefill`: a prompt and one token; `decode`: tokens after the first, one user or several at once; `request`: a prompt
 * and its answer, from the call to the last token.
 */
export type BenchPhase = 'prefill' | 'decode' | 'request';

/** Repeated measurements of one quantity. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Relative: half the distance of the quartiles, divided by the median. */
  readonly spread: number;
  /** In the order they were taken. */
  readonly samples: readonly number[];
}

/** Percentiles of single waits, such as those between two tokens. */
export interface Percentiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

/** A model that was measured. */
export interface BenchModel {
  /** `glint`, `15M Q8_0`, or the name in the file. */
  readonly name: string;
  /** `trained`, or seeded random weights in the shape of a real model: the speed is the same, the text is not. */
  readonly weights: 'trained' | 'random';
  readonly weightType: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly vocabSize: number;
  /** Bytes of its weights in the file. */
  readonly fileBytes: number;
}

/** Joules of the processor package while a case ran, per token of prompt and answer; null, with the reason, where the system does not tell. */
export interface Energy {
  readonly joulesPerToken: number | null;
  readonly source: string;
}

/** One contender in one case: a model, a phase, a length, a batch. */
export interface MeasuredRow {
  readonly contender: Contender;
  /** How it computed: `wasm SIMD, 2 workers`, or the gpu.js backend with its executor. */
  readonly backend: string;
  readonly model: string;
  readonly phase: BenchPhase;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Requests in flight at once. */
  readonly batch: number;
  /** The lengths before they were halved until the slowest contender could run them in the time of the case. */
  readonly wanted: { readonly promptTokens: number; readonly generatedTokens: number };
  /** Of all requests together. In prefill prompt tokens, in decode tokens after the first, in a request both. */
  readonly tokensPerSecond: Spread;
  /** Tokens that `tokensPerSecond` rests on, whose samples are the rounds; in one the quick repeat what they run. */
  readonly countedTokens: number;
  /** From the call to the first token; null where a peer does not tell. */
  readonly ttftMs: (Spread & { readonly median: MeasuredMs }) | null;
  /** Between two tokens of one request, over all rounds; null in prefill. */
  readonly itlMs: Percentiles | null;
  /**
   * Bytes of weights and KV cache that one token of decode has to move, times tokens per second: what the memory
   * delivered. Null in prefill, and where the contender does not tell.
   */
  readonly bytesPerToken: number | null;
  readonly gigabytesPerSecond: number | null;
  /** `gigabytesPerSecond` as a share of this machine's own reading speed with all cores. */
  readonly bandwidthShare: number | null;
  /** Kernel launches per token; null for contenders that do not launch kernels. */
  readonly launchesPerToken: number | null;
  readonly energy: Energy;
}

/** waferflow's speed over another contender's in the same case: the median of the ratios of paired rounds. */
export interface MeasuredRatio {
  readonly against: Exclude<Contender, 'waferflow'>;
  readonly model: string;
  readonly phase: BenchPhase;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly batch: number;
  readonly ratio: Spread;
}

/** What a simulated machine would do with the same model and lengths. */
export interface SimulatedRow {
  readonly machine: string;
  readonly kind: 'wafer' | 'gpu';
  readonly count: number;
  readonly model: string;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly concurrency: number;
  readonly ttftMs: SimulatedMs;
  readonly tpotMs: SimulatedMs;
  readonly tokensPerSecondPerUser: number;
  readonly tokensPerSecond: number;
  readonly kilowatts: number;
  readonly joulesPerToken: number;
  readonly dollarsPerMTokens: number;
  readonly boundBy: string;
  /** The weakest input of the figure: `published`, `derived`, `fitted`, `guessed`. */
  readonly tag: string;
  readonly peakFlops: number;
  readonly peakBytesPerSecond: number;
}

export interface BenchMachine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  /** `linux x64`. */
  readonly system: string;
  /** The adapter that the baseline ran on; null where it ran on the processor. */
  readonly gpu: string | null;
  /** Reading speed of this machine's memory in WebAssembly, by number of threads, measured in this run. */
  readonly bandwidth: readonly { readonly threads: number; readonly gigabytesPerSecond: number }[];
  /** Load average over the last minute when the run began. */
  readonly load: number;
}

/** A contender that was not measured, and why. */
export interface Absent {
  readonly contender: Contender;
  readonly reason: string;
}

export interface BenchResult {
  readonly date: string;
  /** The command that repeats this run. */
  readonly command: string;
  /** `waferflow`, `node`, `v8`, `gpu.js` and the peers that were measured. */
  readonly versions: Readonly<Record<string, string>>;
  readonly machine: BenchMachine;
  readonly quick: boolean;
  /** Rounds of a case at most: one that has used its time ends with fewer. */
  readonly rounds: number;
  /** Seconds that the run was to take. */
  readonly budgetSeconds: number;
  readonly models: readonly BenchModel[];
  /**
   * The lowest of the single-user decode ratios against the baseline: the claim that holds for every model here. Null
   * where the baseline could not run.
   */
  readonly ratioToGpuStyleBaseline: number | null;
  readonly ratios: readonly MeasuredRatio[];
  readonly measured: readonly MeasuredRow[];
  readonly simulated: readonly SimulatedRow[];
  readonly absent: readonly Absent[];
  /** What a reader has to know to judge the figures. */
  readonly notes: readonly string[];
}
