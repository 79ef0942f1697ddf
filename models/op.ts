/**
 * The closed set of ops that a model is made of, as data: ops over values, every fact an attribute. Readers (placement,
 * program image, fabric, float64 interpreter, GPU baseline) are tables `{ [K in OpKind]: Handler<K> }`, so a new kind is
 * a compile error exactly where it is missing. No op's meaning lies in a name, in a neighbour or in a global setting.
 */

/** A vector per token. Every value is written by one op; a norm or an arrangement may go from all rows to those of logits. */
export interface Value {
  readonly id: number;
  readonly features: number;
  /** Of every token of a step, or of those only whose logits are wanted. */
  readonly rows: 'all' | 'logits';
}

/** A stored tensor, or some rows of it. */
export interface WeightRef {
  /** As the file has it. */
  readonly name: string;
  /** Of the stored tensor, slowest dimension first: [features], [rows, columns], [experts, rows, columns]. */
  readonly shape: readonly number[];
  /**
   * Which rows are meant, where not all: of each of `groups` equal runs of rows, `count` rows from `first` on. A fused
   * tensor's part has one group; queries that lie with their gates, head by head, have one a head.
   */
  readonly rows?: { readonly groups: number; readonly first: number; readonly count: number };
  /** Added to every element when it is read: 1 where a file keeps a norm's weight less one. */
  readonly plus?: number;
  /** The reciprocal of every element is meant: what is multiplied with it is divided. */
  readonly isInverse?: boolean;
}

/** Element functions without settings. GELU is x Phi(x) by erf, by the usual tanh formula, and x sigmoid(1.702 x). */
export type PlainActivation =
  | 'identity'
  | 'silu'
  | 'relu'
  | 'squaredRelu'
  | 'sigmoid'
  | 'tanh'
  | 'softplus'
  | 'exp'
  | 'gelu'
  | 'geluTanh'
  | 'geluQuick';

/** Element functions by name. */
export type Activation =
  | { readonly name: PlainActivation }
  /** cap tanh(x / cap). */
  | { readonly name: 'softcap'; readonly cap: number }
  /** Cut to +-limit. */
  | { readonly name: 'clamp'; readonly limit: number }
  /** Apertus: alphaP x^2 + beta x above 0, alphaN (expm1(min(x, eps)) - x) + beta x below. */
  | {
      readonly name: 'xielu';
      readonly alphaP: number;
      readonly alphaN: number;
      readonly beta: number;
      readonly eps: number;
    }
  /** silu with gate cut at `limit` from above and `by` to +-limit; `after`: the limit cuts silu's result instead. */
  | { readonly name: 'clampedSilu'; readonly limit: number; readonly after: boolean }
  /** gpt-oss: g sigmoid(alpha g) (by + 1), gate cut at `limit` from above and `by` to +-limit. */
  | { readonly name: 'swigluOai'; readonly alpha: number; readonly limit: number }
  /** beta tanh(g / beta) sigmoid(g), and `by` as linearBeta tanh(by / linearBeta) where that is not 0. */
  | { readonly name: 'situ'; readonly beta: number; readonly linearBeta: number };

/** How far a rotation goes at a position. Equal tables are one table. */
export interface RopeTable {
  /** Dimensions that turn, in pairs. */
  readonly dims: number;
  readonly theta: number;
  /** Positions are divided by it. */
  readonly divisor: number;
  /** Between `low` and `high` turns over the original context, frequencies go from stretched to unstretched. */
  readonly yarn: {
    readonly factor: number;
    readonly originalContext: number;
    readonly betaFast: number;
    readonly betaSlow: number;
  } | null;
  /** Divisors of the frequencies [dims / 2]; with `long`, the second where the engine's context is beyond `beyond`. */
  readonly factors: {
    readonly short: WeightRef;
    readonly long: WeightRef | null;
    readonly beyond: number;
  } | null;
  /** Frequencies computed by Llama 3's rule, as config.json states it. */
  readonly llama3: {
    readonly factor: number;
    readonly lowFreqFactor: number;
    readonly highFreqFactor: number;
    readonly originalContext: number;
  } | null;
  /** Multiplies sine and cosine. */
  readonly magnitude: number;
}

/** Which earlier positions a position sees. `chunked`: those of its own chunk of `size`. */
export interface Window {
  readonly kind: 'sliding' | 'chunked' | 'symmetric';
  readonly size: number;
}

export interface EmbeddingOp {
  readonly kind: 'embedding';
  /** Row of the token, of its position, of the adapter that its sequence has chosen, or always the same one. */
  readonly index: 'token' | 'position' | 'adapter' | number;
  readonly weight: WeightRef;
  /** Multiplies the row; 1 for none. */
  readonly scale: number;
  readonly out: Value;
}

/** Per run of `per` features: rms, x / sqrt(mean(x^2) + eps); layer, the same after taking off the mean; l2, x / max(|x|, eps). */
export interface NormOp {
  readonly kind: 'norm';
  readonly how: 'rms' | 'layer' | 'l2';
  readonly in: Value;
  /** [per], the same for every run, or [features]. */
  readonly weight: WeightRef | null;
  readonly bias: WeightRef | null;
  readonly eps: number;
  readonly per: number;
  readonly out: Value;
}

/** One product per weight, all of the same input: outs[i] = W_i in (+ bias). */
export interface LinearOp {
  readonly kind: 'linear';
  readonly in: Value;
  readonly weights: readonly WeightRef[];
  readonly biases: readonly (WeightRef | null)[];
  readonly outs: readonly Value[];
}

/** A product per head: out[head] = W[head] in[head]; weight [heads, rows, columns]. */
export interface HeadLinearOp {
  readonly kind: 'headLinear';
  readonly in: Value;
  readonly weight: WeightRef;
  readonly heads: number;
  readonly out: Value;
}

/** Turns dimensions [first, first + table.dims) of every head, neighbours with each other or halves with each other. */
export interface RopeOp {
  readonly kind: 'rope';
  readonly in: Value;
  readonly heads: number;
  readonly first: number;
  readonly order: 'pairs' | 'halves';
  readonly table: RopeTable;
  readonly out: Value;
}

/**
 * k and v go into the cache, then out = softmax(scale q K^T) V per head. Without k and v the op attends to what another
 * one has cached. `v` null with a `k`: values are the first `valueDim` of a key (MLA).
 */
export interface AttentionOp {
  readonly kind: 'attention';
  readonly q: Value;
  readonly k: Value | null;
  readonly v: Value | null;
  readonly out: Value;
  /** Number of the cache, from 0. */
  readonly cache: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly scale: number;
  readonly causal: boolean;
  readonly window: Window | null;
  /** cap tanh(score / cap). */
  readonly softcap: number | null;
  /** A logit per head that takes part in the softmax and has no value. */
  readonly sinks: WeightRef | null;
  /** Largest slope of ALiBi: score - slope(head) * distance. */
  readonly alibi: number | null;
  /** Queries grow with the position: 1 + scale ln(floor((p + offset) / length) + 1). */
  readonly temperature: { readonly length: number; readonly scale: number; readonly offset: number } | null;
  /** Positions chosen by an indexer; null: all. */
  readonly positions: Value | null;
}

/** out = act(in) [* by] * times; `by` or `in` may have fewer features: each then serves a run of the other's. */
export interface ActivationOp {
  readonly kind: 'activation';
  readonly in: Value;
  readonly by: Value | null;
  readonly act: Activation;
  readonly times: number;
  readonly out: Value;
}

/** out = to + times * from. */
export interface AddOp {
  readonly kind: 'add';
  readonly to: Value;
  readonly from: Value;
  readonly times: number;
  readonly out: Value;
}

/** out = in * weight + bias, element by element; either weight [features] or [1]. */
export interface ScaleOp {
  readonly kind: 'scale';
  readonly in: Value;
  readonly weight: WeightRef | null;
  readonly bias: WeightRef | null;
  readonly out: Value;
}

/** Per one of `groups`: the parts side by side, each `count` features from `first` of its group; a value of one group serves all. */
export interface ArrangeOp {
  readonly kind: 'arrange';
  readonly groups: number;
  readonly parts: readonly {
    readonly in: Value;
    readonly groups: number;
    readonly first: number;
    readonly count: number;
  }[];
  readonly out: Value;
}

/**
 * Chooses `top` of `experts` by their logits; of equal ones the lower. `out` [2 top]: the chosen, best first, then their
 * weights. `softmaxOfChosen` takes the softmax over the chosen alone. `bias` [experts] counts for the choice only.
 */
export interface RouteOp {
  readonly kind: 'route';
  readonly in: Value;
  readonly experts: number;
  readonly top: number;
  readonly scoring: 'softmax' | 'sigmoid' | 'softmaxOfChosen' | 'sqrtSoftplus';
  /** Choose by the logits where scores are squashed (Llama 4), or by scores. */
  readonly chooseBy: 'scores' | 'logits';
  readonly bias: WeightRef | null;
  /** First the `used` groups whose two best add up to most, then experts of those. */
  readonly groups: { readonly count: number; readonly used: number } | null;
  readonly isNormalised: boolean;
  readonly times: number;
  readonly out: Value;
}

/** outs[i] [top][rows]: for each chosen expert its W_i [experts, rows, columns] times `in` [columns], or times its own [top][columns]. */
export interface ExpertLinearOp {
  readonly kind: 'expertLinear';
  readonly in: Value;
  readonly chosen: Value;
  readonly top: number;
  readonly isInputPerExpert: boolean;
  /** The input is multiplied with the expert's weight first (Llama 4). */
  readonly isWeighedBefore: boolean;
  readonly weights: readonly WeightRef[];
  /** [experts, rows]. */
  readonly biases: readonly (WeightRef | null)[];
  readonly outs: readonly Value[];
}

/** out = sum over `top` vectors side by side, each times its weight: features of `weights` from `first` on; null: plain sum. */
export interface MixOp {
  readonly kind: 'mix';
  readonly in: Value;
  readonly top: number;
  readonly weights: Value | null;
  readonly first: number;
  readonly out: Value;
}

/** Causal convolution of each channel over its last positions: weight [channels, length], the newest last. */
export interface ConvOp {
  readonly kind: 'conv';
  readonly in: Value;
  readonly weight: WeightRef;
  readonly bias: WeightRef | null;
  readonly act: 'identity' | 'silu';
  readonly length: number;
  /** Number of the state, from 0, of (length - 1) * channels. */
  readonly state: number;
  readonly out: Value;
}

/** The same value one position before: zeros at the first. RWKV's token shift. */
export interface ShiftOp {
  readonly kind: 'shift';
  readonly in: Value;
  readonly state: number;
  readonly out: Value;
}

/**
 * Mamba's selective scan. Per head of `headDim` channels with a state [headDim][stateSize]:
 * s = exp(dt a) s + dt x b^T, y = s c + d x, with dt = softplus(in). a [heads] (Mamba-2) or [heads, stateSize]
 * (Mamba-1, whose heads have one channel); b and c [groups][stateSize].
 */
export interface ScanOp {
  readonly kind: 'scan';
  readonly x: Value;
  readonly dt: Value;
  readonly b: Value;
  readonly c: Value;
  readonly a: WeightRef;
  readonly d: WeightRef | null;
  readonly heads: number;
  readonly headDim: number;
  readonly stateSize: number;
  readonly groups: number;
  readonly state: number;
  readonly out: Value;
}

/**
 * Linear attention with a state S [keyDim][valueDim] per head and decay: S = diag(g) S, then S += k (v - S^T k if
 * `isDelta`)^T beta, out = scale S^T q. `decay` [heads] or [heads][keyDim] is ln g; a number: the same at all positions.
 */
export interface LinearAttentionOp {
  readonly kind: 'linearAttention';
  readonly q: Value;
  readonly k: Value;
  readonly v: Value;
  readonly decay: Value | readonly number[];
  readonly beta: Value | null;
  readonly isDelta: boolean;
  readonly heads: number;
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly scale: number;
  readonly state: number;
  readonly out: Value;
}

/**
 * RWKV: per head S [dim][dim]. 6: y = r (S + u k v^T), S = diag(w) S + k v^T with `bonus` u.
 * 7: S = diag(w) S + S a b^T + v k^T, y = S r.
 */
export interface WkvOp {
  readonly kind: 'wkv';
  readonly version: 6 | 7;
  readonly r: Value;
  readonly w: Value;
  readonly k: Value;
  readonly v: Value;
  readonly a: Value | null;
  readonly b: Value | null;
  readonly bonus: WeightRef | null;
  readonly heads: number;
  readonly state: number;
  readonly out: Value;
}

/**
 * Hyper-connections: a token has several hidden vectors, its streams, side by side. Logits, times `scale` (one each for what
 * reads, writes and mixes) plus `base`, become weights: [streams] to read by, sigmoid + eps; where there are more, [streams]
 * to write by, magnitude * sigmoid + writeEps; where there are more, [from][to] to mix by, made doubly stochastic by Sinkhorn
 * steps. `isSoftmax`: all of them are weights to read by that sum up to 1.
 */
export interface WeighStreamsOp {
  readonly kind: 'weighStreams';
  readonly in: Value;
  readonly streams: number;
  readonly isSoftmax: boolean;
  readonly scale: WeightRef | null;
  readonly base: WeightRef | null;
  readonly eps: number;
  readonly magnitude: number;
  readonly writeEps: number;
  readonly iterations: number;
  readonly out: Value;
}

/** Every stream = write weight * from + the stream, or the mix of all streams where `weights` have one. */
export interface WriteStreamsOp {
  readonly kind: 'writeStreams';
  readonly in: Value;
  readonly from: Value;
  readonly weights: Value;
  readonly streams: number;
  readonly out: Value;
}

/** The `top` positions with the largest sum over heads of weight * relu(q . k), from a cache of index keys. */
export interface SelectOp {
  readonly kind: 'select';
  readonly q: Value;
  readonly k: Value;
  readonly weights: Value | null;
  readonly heads: number;
  readonly top: number;
  readonly cache: number;
  readonly out: Value;
}

/** One vector of all positions: their mean, the first or the last. */
export interface PoolOp {
  readonly kind: 'pool';
  readonly in: Value;
  readonly how: 'mean' | 'first' | 'last';
  readonly out: Value;
}

/** The model's result: a logit per token id. */
export interface LogitsOp {
  readonly kind: 'logits';
  readonly in: Value;
}

export type Op =
  | EmbeddingOp
  | NormOp
  | LinearOp
  | HeadLinearOp
  | RopeOp
  | AttentionOp
  | ActivationOp
  | AddOp
  | ScaleOp
  | ArrangeOp
  | RouteOp
  | ExpertLinearOp
  | MixOp
  | ConvOp
  | ShiftOp
  | ScanOp
  | LinearAttentionOp
  | WkvOp
  | WeighStreamsOp
  | WriteStreamsOp
  | SelectOp
  | PoolOp
  | LogitsOp;

export type OpKind = Op['kind'];
export type OpOf<K extends OpKind> = Extract<Op, { readonly kind: K }>;

/** A reader's table: one handler for every kind. */
export type Handlers<Context, Result = void> = {
  readonly [K in OpKind]: (op: OpOf<K>, context: Context) => Result;
};

/** Calls the handler of the op's kind. */
export function handle<Context, Result>(
  handlers: Handlers<Context, Result>,
  op: Op,
  context: Context,
): Result {
  return (handlers[op.kind] as (op: Op, context: Context) => Result)(op, context);
}
