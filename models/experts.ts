/**
 * Mixtures of experts as a layer's MLP: a router, products with the chosen experts' matrices, their weighted sum, and
 * beside them an MLP that all tokens share where the file has one.
 */
import type { Config } from './config.js';
import { activationOf, type Decoder, gated, type Part } from './decoder.js';
import type { Activation, ExpertLinearOp, PlainActivation, RouteOp, Value, WeightRef } from './op.js';

export interface ExpertsStyle {
  readonly act?: PlainActivation | Activation;
  /** Of the shared MLP, where it is not that of the experts. */
  readonly sharedAct?: PlainActivation | Activation;
  readonly scoring?: RouteOp['scoring'];
  readonly chooseBy?: RouteOp['chooseBy'];
  /** Weights are divided by their sum. */
  readonly isNormalised?: boolean;
  /** Multiplies the weights. */
  readonly weightScale?: number;
  readonly isWeighedBefore?: boolean;
  /** The key of the shared MLP's size counts one shared expert, not all. */
  readonly isSharedSizeEach?: boolean;
  /** Multiplies the sum of the experts and the shared MLP. */
  readonly sharedScale?: number;
}

/** By the numbers of `expert_gating_func`. */
const SCORINGS = [undefined, 'softmax', 'sigmoid', 'softmaxOfChosen', 'sqrtSoftplus'] as const;

/** How a file's own keys say that experts are weighed; `otherwise`: the scores where they do not. */
export function routing(config: Config, otherwise: RouteOp['scoring'] = 'softmax'): ExpertsStyle {
  const scoring = SCORINGS[config.below('expert_gating_func', SCORINGS.length, 0)] ?? otherwise;
  const weightScale = config.number('expert_weights_scale', 0) || 1;
  return { scoring, isNormalised: config.flag('expert_weights_norm', false), weightScale };
}

/** The SwiGLU of each layer, cut at the limits that the file has for experts and for the MLPs of all tokens. */
export function clamped(
  config: Config,
  after: boolean,
): (layer: number) => Required<Pick<ExpertsStyle, 'act' | 'sharedAct'>> {
  const limits = config.perLayer('swiglu_clamp_exp', 0);
  const shared = config.perLayer('swiglu_clamp_shexp', after ? 0 : limits);
  const actOf = (limit: number) =>
    limit > 1e-6 ? ({ name: 'clampedSilu', limit, after } as const) : ('silu' as const);
  return (layer) => ({ act: actOf(limits[layer]!), sharedAct: actOf(shared[layer]!) });
}

/** Experts chosen for each token, and what all tokens share. */
export function experts(style: ExpertsStyle | ((config: Config, layer: number) => ExpertsStyle) = {}): Part {
  return (model, h, layer) => {
    const own = typeof style === 'function' ? style(model.config, layer) : style;
    const routed = routedTo(model, h, h, layer, own);
    if (!model.has(layer, 'ffn_up_shexp')) return routed;
    const size = model.config.sharedFfn(layer, own.isSharedSizeEach);
    const shared = gated(own.sharedAct ?? own.act ?? 'silu', '_shexp', size)(model, h, layer);
    return model.graph.times(model.graph.add(routed, weighed(model, h, shared, layer)), own.sharedScale ?? 1);
  };
}

/** Experts in the layers that have a router, a gated MLP in the others. */
export function sparse(
  style: ExpertsStyle | ((config: Config, layer: number) => ExpertsStyle) = {},
  dense: Part = gated('silu'),
): Part {
  return (model, h, layer) => (model.has(layer, 'ffn_gate_inp') ? experts(style) : dense)(model, h, layer);
}

/** The shared MLP's result by a gate of its own, where there is one. */
function weighed(model: Decoder, h: Value, shared: Value, layer: number): Value {
  if (!model.has(layer, 'ffn_gate_inp_shexp')) return shared;
  const gate = model.one(h, layer, 'ffn_gate_inp_shexp', 1);
  return model.graph.activation(gate, { name: 'sigmoid' }, { by: shared });
}

/** The experts' sum: `routerInput` chooses them, h goes through them. */
export function routedTo(
  model: Decoder,
  h: Value,
  routerInput: Value,
  layer: number,
  style: ExpertsStyle,
): Value {
  const logits = model.one(routerInput, layer, 'ffn_gate_inp', model.config.positive('expert_count'));
  return chosen(model, h, logits, layer, style);
}

/** The same from the router's logits. `stem` is the end of the names of the experts' tensors. */
export function chosen(
  model: Decoder,
  h: Value,
  logits: Value,
  layer: number,
  style: ExpertsStyle,
  { stem = '_exps', size = model.config.expertFfn(layer) }: { stem?: string; size?: number } = {},
): Value {
  const { config, graph } = model;
  const count = logits.features;
  const top = config.expertsUsed(layer);
  const { act = 'silu', isWeighedBefore = false } = style;
  const picks = graph.route(logits, {
    experts: count,
    top,
    scoring: style.scoring ?? 'softmax',
    chooseBy: style.chooseBy ?? 'scores',
    bias:
      model.optional(layer, 'exp_probs_b', [count], '.bias') ??
      model.optional(layer, 'exp_probs_b', [count], ''),
    groups: config.expertGroups(),
    isNormalised: style.isNormalised ?? true,
    times: style.weightScale ?? 1,
  });
  const products = (
    x: Value,
    facts: Pick<ExpertLinearOp, 'weights' | 'biases'>,
    isInputPerExpert: boolean,
  ): Value[] =>
    graph.expertLinear(x, {
      chosen: picks,
      top,
      isInputPerExpert,
      isWeighedBefore: isWeighedBefore && !isInputPerExpert,
      ...facts,
    });
  const matrix = (name: string, rows: number, columns: number): WeightRef =>
    model.ref(layer, `${name}${stem}`, [count, rows, columns]);
  const bias = (name: string, rows: number): WeightRef | null =>
    model.optional(layer, `${name}${stem}`, [count, rows], '.bias');
  const isFused = model.has(layer, `ffn_gate_up${stem}`);
  const names = ['ffn_gate', 'ffn_up'].filter((name) => isFused || model.has(layer, `${name}${stem}`));
  const weights = isFused
    ? halves(matrix('ffn_gate_up', 2 * size, h.features))
    : names.map((name) => matrix(name, size, h.features));
  const biases = names.map((name) => bias(name, size));
  const [first, up] = products(h, { weights, biases }, false);
  const middle = graph.activation(first!, activationOf(act), { by: up ?? null });
  const down = { weights: [matrix('ffn_down', h.features, size)], biases: [bias('ffn_down', h.features)] };
  const [results] = products(middle, down, true);
  return graph.mix(results!, { top, weights: isWeighedBefore ? null : picks, first: top });
}

/** Gate and up, one under the other in each expert's matrix. */
function halves(both: WeightRef): WeightRef[] {
  const count = both.shape[1]! / 2;
  return [0, count].map((first) => ({ ...both, rows: { groups: 1, first, count } }));
}
