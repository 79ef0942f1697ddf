/** Builds a model's ops: each method adds one op and returns the value that it writes. */
import type {
  Activation,
  AttentionOp,
  ConvOp,
  ExpertLinearOp,
  LinearAttentionOp,
  MixOp,
  NormOp,
  Op,
  PoolOp,
  RopeOp,
  RouteOp,
  ScanOp,
  SelectOp,
  Value,
  WeighStreamsOp,
  WeightRef,
  WkvOp,
  WriteStreamsOp,
} from './op.js';

/** What an op says of itself, without the value that it writes. */
type Facts<O extends { readonly kind: string }> = Omit<O, 'kind' | 'out'>;

export class Graph {
  readonly ops: Op[] = [];
  private values = 0;
  private caches = 0;
  private states = 0;

  private value(features: number, rows: Value['rows']): Value {
    return { id: this.values++, features, rows };
  }

  /** The number of a KV cache of its own. */
  cache(): number {
    return this.caches++;
  }

  /** The number of a recurrent state of its own. */
  state(): number {
    return this.states++;
  }

  embedding(
    weight: WeightRef,
    { index = 'token', scale = 1 }: { index?: 'token' | 'position' | number; scale?: number } = {},
  ): Value {
    const out = this.value(weight.shape[1]!, 'all');
    this.ops.push({ kind: 'embedding', index, weight, scale, out });
    return out;
  }

  /** `rows` 'logits' goes on with the rows alone whose logits are wanted. */
  norm(x: Value, facts: Omit<Facts<NormOp>, 'in'>, rows = x.rows): Value {
    const out = this.value(x.features, rows);
    this.ops.push({ kind: 'norm', in: x, ...facts, out });
    return out;
  }

  /** One value per weight. */
  linear(x: Value, weights: readonly WeightRef[], biases: readonly (WeightRef | null)[] = []): Value[] {
    const outs = weights.map((weight) => this.value(rowsOf(weight), x.rows));
    const all = weights.map((_, i) => biases[i] ?? null);
    this.ops.push({ kind: 'linear', in: x, weights, biases: all, outs });
    return outs;
  }

  headLinear(x: Value, weight: WeightRef, heads: number): Value {
    const out = this.value(heads * weight.shape[1]!, x.rows);
    this.ops.push({ kind: 'headLinear', in: x, weight, heads, out });
    return out;
  }

  rope(x: Value, facts: Omit<Facts<RopeOp>, 'in'>): Value {
    const out = this.value(x.features, x.rows);
    this.ops.push({ kind: 'rope', in: x, ...facts, out });
    return out;
  }

  attention(facts: Facts<AttentionOp>): Value {
    const out = this.value(facts.heads * facts.valueDim, facts.q.rows);
    this.ops.push({ kind: 'attention', ...facts, out });
    return out;
  }

  /** act(x) [* by] * times. */
  activation(
    x: Value,
    act: Activation,
    { by = null, times = 1 }: { by?: Value | null; times?: number } = {},
  ): Value {
    const out = this.value(Math.max(x.features, by?.features ?? 0), x.rows);
    this.ops.push({ kind: 'activation', in: x, by, act, times, out });
    return out;
  }

  /** x times a constant; x itself for 1. */
  times(x: Value, times: number): Value {
    return times === 1 ? x : this.activation(x, { name: 'identity' }, { times });
  }

  add(to: Value, from: Value, times = 1): Value {
    const out = this.value(to.features, to.rows);
    this.ops.push({ kind: 'add', to, from, times, out });
    return out;
  }

  scale(x: Value, weight: WeightRef | null, bias: WeightRef | null = null): Value {
    const out = this.value(x.features, x.rows);
    this.ops.push({ kind: 'scale', in: x, weight, bias, out });
    return out;
  }

  /** Parts side by side in each of `groups`; a part of one group serves all. `rows` as for `norm`. */
  arrange(
    groups: number,
    parts: readonly { in: Value; groups?: number; first?: number; count?: number }[],
    rows = parts[0]!.in.rows,
  ): Value {
    const whole = parts.map(({ in: x, groups: own = groups, first = 0, count }) => ({
      in: x,
      groups: own,
      first,
      count: count ?? x.features / own - first,
    }));
    const out = this.value(groups * whole.reduce((sum, { count }) => sum + count, 0), rows);
    this.ops.push({ kind: 'arrange', groups, parts: whole, out });
    return out;
  }

  /** Features [first, first + count) of x. */
  slice(x: Value, first: number, count: number): Value {
    return this.arrange(1, [{ in: x, first, count }]);
  }

  route(x: Value, facts: Omit<Facts<RouteOp>, 'in'>): Value {
    const out = this.value(2 * facts.top, x.rows);
    this.ops.push({ kind: 'route', in: x, ...facts, out });
    return out;
  }

  expertLinear(x: Value, facts: Omit<ExpertLinearOp, 'kind' | 'in' | 'outs'>): Value[] {
    const outs = facts.weights.map((weight) => this.value(facts.top * expertRowsOf(weight), x.rows));
    this.ops.push({ kind: 'expertLinear', in: x, ...facts, outs });
    return outs;
  }

  mix(x: Value, facts: Omit<Facts<MixOp>, 'in'>): Value {
    const out = this.value(x.features / facts.top, x.rows);
    this.ops.push({ kind: 'mix', in: x, ...facts, out });
    return out;
  }

  conv(x: Value, facts: Omit<Facts<ConvOp>, 'in' | 'state'>): Value {
    const out = this.value(x.features, x.rows);
    this.ops.push({ kind: 'conv', in: x, ...facts, state: this.state(), out });
    return out;
  }

  shift(x: Value): Value {
    const out = this.value(x.features, x.rows);
    this.ops.push({ kind: 'shift', in: x, state: this.state(), out });
    return out;
  }

  scan(facts: Omit<Facts<ScanOp>, 'state'>): Value {
    const out = this.value(facts.x.features, facts.x.rows);
    this.ops.push({ kind: 'scan', ...facts, state: this.state(), out });
    return out;
  }

  linearAttention(facts: Omit<Facts<LinearAttentionOp>, 'state'>): Value {
    const out = this.value(facts.heads * facts.valueDim, facts.q.rows);
    this.ops.push({ kind: 'linearAttention', ...facts, state: this.state(), out });
    return out;
  }

  wkv(facts: Omit<Facts<WkvOp>, 'state'>): Value {
    const out = this.value(facts.r.features, facts.r.rows);
    this.ops.push({ kind: 'wkv', ...facts, state: this.state(), out });
    return out;
  }

  weighStreams(logits: Value, facts: Omit<Facts<WeighStreamsOp>, 'in'>): Value {
    const out = this.value(logits.features, logits.rows);
    this.ops.push({ kind: 'weighStreams', in: logits, ...facts, out });
    return out;
  }

  writeStreams(x: Value, facts: Omit<Facts<WriteStreamsOp>, 'in'>): Value {
    const out = this.value(x.features, x.rows);
    this.ops.push({ kind: 'writeStreams', in: x, ...facts, out });
    return out;
  }

  select(facts: Omit<Facts<SelectOp>, 'cache'>): Value {
    const out = this.value(facts.top, facts.q.rows);
    this.ops.push({ kind: 'select', ...facts, cache: this.cache(), out });
    return out;
  }

  pool(x: Value, how: PoolOp['how']): Value {
    const out = this.value(x.features, 'logits');
    this.ops.push({ kind: 'pool', in: x, how, out });
    return out;
  }

  logits(x: Value): void {
    this.ops.push({ kind: 'logits', in: x });
  }
}

/** Rows of a matrix that a reference means. */
export function rowsOf(weight: WeightRef): number {
  return weight.rows ? weight.rows.groups * weight.rows.count : weight.shape[0]!;
}

/** Rows of each expert's matrix that a reference means. */
export function expertRowsOf(weight: WeightRef): number {
  return weight.rows ? weight.rows.groups * weight.rows.count : weight.shape[1]!;
}
