/** One pass of a model as launches of kernels: layer by layer, every activation through device memory. */
import { swiglu } from '../../kernels/activation/gpu.js';
import { appendKv, maxima, quotients, scores, valueSums, weights } from '../../kernels/attention/gpu.js';
import { embedding, lastToken } from '../../kernels/embedding/gpu.js';
import type { GpuThread, Unwritten } from '../../kernels/gpu.js';
import { matmul } from '../../kernels/matmul/gpu.js';
import { matvec } from '../../kernels/matvec/gpu.js';
import { residual, sumOfParts } from '../../kernels/residual/gpu.js';
import { rmsnorm, squareSums } from '../../kernels/rmsnorm/gpu.js';
import { rope } from '../../kernels/rope/gpu.js';
import type { Model } from '../../models/model.js';
import type { Op, OpOf, Value } from '../../models/op.js';
import { ModelError } from '../core/errors.js';
import type { Device, DeviceValue, Launch, Pass } from './device.js';
import { type BaselineWeights, type Matrix, type MatrixLayout, ropeAngles, stacked } from './weights.js';

/** How a pass is cut for a kind of device. */
export interface Cut {
  /** Tokens of a prompt that one pass takes. */
  readonly tokens: number;
  /** Parts of a matrix product's columns, of a norm's and of the positions attended to. */
  readonly parts: number;
  readonly layout: MatrixLayout;
}

/**
 * A GPU wants many threads and few passes. gpu.js's processor backends compute one value per thread and cannot share a
 * weight that was read between tokens, so there a prompt gains nothing from batches and a cut sum only adds launches.
 */
export const CUTS: Readonly<Record<Device['backend'], Cut>> = {
  webgpu: { tokens: 32, parts: 8, layout: 'columns' },
  webasm: { tokens: 1, parts: 1, layout: 'rows' },
  cpu: { tokens: 1, parts: 1, layout: 'rows' },
};

/** Whole numbers up to here are exact in float32. */
const MOST_THREADS = 2 ** 24;

/** What a pass moves through device memory, counted as every launch reads and writes it once. */
export interface Traffic {
  readonly launches: number;
  /** Without what grows with the position. */
  readonly bytes: number;
  /** Per position attended to. */
  readonly bytesPerPosition: number;
}

export interface CompiledPass extends Traffic {
  readonly pass: Pass;
}

export interface PassInput {
  readonly model: Model;
  readonly weights: BaselineWeights;
  readonly context: number;
  readonly cut: Cut;
}

/** Arguments: ids [tokens], position of the first, how many are real, 1 where logits are wanted. Result: logits. */
export const PASS_ARGUMENTS = 4;

/** Compiles the pass; nothing has run or been uploaded yet. */
export function compilePass(device: Device, input: PassInput): CompiledPass {
  const nothing = {} as DeviceValue;
  const args = new Array<DeviceValue>(PASS_ARGUMENTS).fill(nothing);
  // Once without a device, for what every launch moves and which sizes are taken.
  const matrices = new Map<Op, Matrix>();
  const nowhere = { kernel: () => () => nothing, constant: () => nothing };
  const rehearsal = new Tracer(nowhere, input, args, [], matrices);
  rehearsal.run();
  const taken = [...rehearsal.sizes];
  const pass = device.pass(
    (...handles) => new Tracer(device, input, handles, taken, matrices).run(),
    PASS_ARGUMENTS,
  );
  return { pass, ...rehearsal.tally };
}

interface LaunchSpec {
  readonly size: number;
  readonly constants: Readonly<Record<string, number>>;
  readonly loops?: boolean;
  /** Values read and written by the launch for one token, in the units of {@link Traffic}. */
  readonly values: number;
  readonly valuesPerPosition?: number;
}

type Body = (this: GpuThread<never>, ...args: never[]) => number | Unwritten;

/** Turns the ops of the model into launches. Kernels of equal settings are shared between layers. */
class Tracer {
  readonly tally = { launches: 0, bytes: 0, bytesPerPosition: 0 };
  /** Of all values but the caches. */
  readonly sizes = new Set<number>();
  private readonly device: Pick<Device, 'kernel' | 'constant'>;
  private readonly input: PassInput;
  private readonly taken: Set<number>;
  private readonly kernels = new Map<string, Launch>();
  private readonly ids: DeviceValue;
  private readonly position: DeviceValue;
  private readonly count: DeviceValue;
  private readonly wanted: DeviceValue;
  private readonly numbers: ReadonlySet<DeviceValue>;
  /** Each op's weights under each other, made once. */
  private readonly matrices: Map<Op, Matrix>;
  private readonly angles = new Map<string, readonly [cos: DeviceValue, sin: DeviceValue]>();
  /** The angles by which a value that was rotated turns. */
  private readonly turns = new Map<number, readonly [cos: DeviceValue, sin: DeviceValue]>();

  constructor(
    device: Pick<Device, 'kernel' | 'constant'>,
    input: PassInput,
    args: readonly DeviceValue[],
    taken: readonly number[],
    matrices: Map<Op, Matrix>,
  ) {
    this.matrices = matrices;
    this.device = device;
    this.input = input;
    this.taken = new Set(taken);
    this.ids = args[0]!;
    this.position = args[1]!;
    this.count = args[2]!;
    this.wanted = args[3]!;
    this.numbers = new Set([this.position, this.count, this.wanted]);
  }

  /** Values by number. Those of one product lie in one value of the device, as one matrix gave them. */
  private readonly values = new Map<number, DeviceValue>();
  private result: DeviceValue | null = null;

  run(): DeviceValue {
    for (const op of this.input.model.ops) {
      const handler = HANDLERS[op.kind] as ((op: Op, tracer: Tracer) => void) | null;
      if (handler === null || !isPlain(op)) throw refused(op.kind);
      handler(op, this);
    }
    return this.result!;
  }

  read({ id }: Value): DeviceValue {
    return this.values.get(id)!;
  }

  write(value: DeviceValue, ...outs: readonly Value[]): void {
    for (const { id } of outs) this.values.set(id, value);
  }

  embedding({ weight, out }: OpOf<'embedding'>): void {
    const columns = out.features;
    const table = this.device.constant(this.input.weights.get(weight.name)!, columns);
    const x = this.launch(embedding, [table, this.ids, this.count], {
      size: this.input.cut.tokens * columns,
      constants: { columns },
      values: 2 * columns,
    });
    this.write(x, out);
  }

  linear(op: OpOf<'linear'>): void {
    const { weights, cut } = this.input;
    const matrix = this.matrices.get(op) ?? stacked(weights, op.weights, op.in.features, cut.layout);
    this.matrices.set(op, matrix);
    if (op.in.rows === 'logits') this.result = this.head(this.read(op.in), matrix);
    else this.write(this.product(matrix, this.read(op.in), this.input.cut.tokens, this.count), ...op.outs);
  }

  private launch(body: Body, args: readonly DeviceValue[], spec: LaunchSpec): DeviceValue {
    const { size, constants, loops = false } = spec;
    if (size > MOST_THREADS) {
      throw new ModelError({
        what: `the GPU-style baseline: ${body.name}`,
        given: `${size} threads`,
        expected: `at most ${MOST_THREADS}: gpu.js computes their numbers in float32`,
        todo: 'Choose a shorter context.',
      });
    }
    this.tally.launches++;
    this.tally.bytes += 4 * spec.values;
    this.tally.bytesPerPosition += 4 * (spec.valuesPerPosition ?? 0);
    if (body !== appendKv) this.sizes.add(size);
    const key = `${body.name} ${size} ${JSON.stringify(constants)}`;
    let kernel = this.kernels.get(key);
    if (kernel === undefined) {
      const numbers = args.filter((arg) => this.numbers.has(arg)).length;
      kernel = this.device.kernel(body, { size, constants, numbers, loops });
      this.kernels.set(key, kernel);
    }
    return kernel(...args);
  }

  norm(op: OpOf<'norm'>): void {
    const { tokens, parts } = this.input.cut;
    const columns = op.in.features;
    const x = this.read(op.in);
    const weight = this.input.weights.get(op.weight!.name)!;
    const squares = this.launch(squareSums, [x, this.count], {
      size: parts * tokens,
      constants: { columns, tokens, partColumns: Math.ceil(columns / parts) },
      loops: true,
      values: columns + parts,
    });
    const y = this.launch(rmsnorm, [x, squares, this.device.constant(weight), this.count], {
      size: tokens * columns,
      constants: { columns, tokens, parts, eps: op.eps },
      values: 3 * columns + parts,
    });
    this.write(y, op.out);
  }

  /** W x in parts [parts][tokens][rows]. */
  private product(
    { rows, columns, values }: Matrix,
    x: DeviceValue,
    tokens: number,
    count: DeviceValue,
  ): DeviceValue {
    const { layout, parts } = this.input.cut;
    const moved = rows * columns + columns + parts * rows;
    if (layout === 'rows') {
      return this.launch(matvec, [this.device.constant(values, columns), x, count], {
        size: rows,
        constants: { columns, wholeColumns: columns - (columns % 8) },
        loops: true,
        values: moved,
      });
    }
    return this.launch(matmul, [this.device.constant(values, rows), x, count], {
      size: parts * tokens * rows,
      constants: { rows, columns, tokens, partColumns: Math.ceil(columns / parts) },
      loops: true,
      values: moved,
    });
  }

  add({ to, from, out }: OpOf<'add'>): void {
    const { parts, tokens } = this.input.cut;
    const size = tokens * out.features;
    const x = this.launch(residual, [this.read(to), this.read(from)], {
      size,
      constants: { parts, size },
      values: ((2 + parts) * size) / tokens,
    });
    this.write(x, out);
  }

  /** Gate and up lie in one value, as one product gave them. */
  swiglu(op: OpOf<'activation'>): void {
    const { parts, tokens } = this.input.cut;
    const size = op.out.features;
    const y = this.launch(swiglu, [this.read(op.in), this.count], {
      size: tokens * size,
      constants: { parts, tokens, size },
      values: (2 * parts + 1) * size,
    });
    this.write(y, op.out);
  }

  /** q, k and v lie in one value; they turn where they are read. */
  rope(op: OpOf<'rope'>): void {
    const { weights, context } = this.input;
    const key = JSON.stringify(op.table);
    if (!this.angles.has(key)) {
      const { cos, sin } = ropeAngles(op.table, weights, context);
      this.angles.set(key, [this.device.constant(cos), this.device.constant(sin)]);
    }
    this.turns.set(op.out.id, this.angles.get(key)!);
    this.write(this.read(op.in), op.out);
  }

  attention(op: OpOf<'attention'>): void {
    const turn = this.turns.get(op.q.id);
    if (turn === undefined || this.turns.get(op.k!.id) !== turn) throw refused('attention without RoPE');
    this.write(this.attend(op, this.read(op.q), ...turn), op.out);
  }

  private attend(op: OpOf<'attention'>, qkv: DeviceValue, cos: DeviceValue, sin: DeviceValue): DeviceValue {
    const { cut, context } = this.input;
    const { parts, tokens } = cut;
    const { headDim, heads, kvHeads } = op;
    const size = heads * headDim;
    const kvSize = kvHeads * headDim;
    const stride = size + 2 * kvSize;
    const rows = tokens * heads;
    const group = heads / kvHeads;
    const partPositions = Math.ceil(context / parts);
    const { position, count } = this;
    const kv = this.launch(appendKv, [qkv, cos, sin, position, count], {
      size: this.ownSize(2 * kvSize * context),
      constants: { parts, tokens, stride, offset: size, kvSize, headDim },
      values: 2 * kvSize * (parts + 1),
    });
    const q = this.launch(rope, [qkv, cos, sin, position, count], {
      size: tokens * size,
      constants: { parts, tokens, stride, size, headDim },
      values: size * (parts + 1),
    });
    const scored = this.launch(scores, [q, kv, position, count], {
      size: rows * context,
      constants: { heads, group, headDim, kvSize, context, scale: op.scale },
      values: size,
      valuesPerPosition: kvSize + heads,
    });
    const most = this.launch(maxima, [scored, position, count], {
      size: parts * rows,
      constants: { heads, rows, context, partPositions },
      loops: true,
      values: parts * heads,
      valuesPerPosition: heads,
    });
    const weighted = this.launch(weights, [scored, most, position, count], {
      size: rows * context,
      constants: { heads, rows, context, parts },
      loops: true,
      values: parts * heads,
      valuesPerPosition: 2 * heads,
    });
    const sums = this.launch(valueSums, [weighted, kv, position, count], {
      size: parts * rows * (headDim + 1),
      constants: { heads, rows, group, headDim, kvSize, context, partPositions },
      values: parts * heads * (headDim + 1),
      valuesPerPosition: heads + kvSize,
    });
    return this.launch(quotients, [sums], {
      size: rows * headDim,
      constants: { parts, rows, headDim },
      values: parts * heads * (headDim + 1) + size,
    });
  }

  /**
   * `cells`, or the next multiple of 4 that no other value has for a size. gpu.js gives values of equal size one buffer where they do not
   * live at the same time; a cache is the only value of its size, and so it keeps what it holds from pass to pass.
   */
  private ownSize(cells: number): number {
    let size = Math.ceil(cells / 4) * 4;
    while (this.taken.has(size)) size += 4;
    this.taken.add(size);
    return size;
  }

  private head(h: DeviceValue, matrix: Matrix): DeviceValue {
    const { tokens, parts } = this.input.cut;
    const columns = matrix.columns;
    const last =
      tokens === 1
        ? h
        : this.launch(lastToken, [h, this.count], {
            size: columns,
            constants: { columns },
            values: 2 * columns,
          });
    const y = this.product(matrix, last, 1, this.wanted);
    return this.launch(sumOfParts, [y], {
      size: matrix.rows,
      constants: { parts, size: matrix.rows },
      values: (parts + 1) * matrix.rows,
    });
  }
}

/** Launches by kind; this engine is the measured counterpart of Llama models and refuses what they do not have. */
const HANDLERS: { readonly [K in Op['kind']]: ((op: OpOf<K>, tracer: Tracer) => void) | null } = {
  embedding: (op, tracer) => tracer.embedding(op),
  norm: (op, tracer) => tracer.norm(op),
  linear: (op, tracer) => tracer.linear(op),
  rope: (op, tracer) => tracer.rope(op),
  attention: (op, tracer) => tracer.attention(op),
  activation: (op, tracer) => tracer.swiglu(op),
  add: (op, tracer) => tracer.add(op),
  logits: () => undefined,
  headLinear: null,
  scale: null,
  arrange: null,
  route: null,
  expertLinear: null,
  mix: null,
  conv: null,
  shift: null,
  scan: null,
  linearAttention: null,
  wkv: null,
  weighStreams: null,
  writeStreams: null,
  select: null,
  pool: null,
};

/** Whether the launches compute what the op's attributes say. */
function isPlain(op: Op): boolean {
  switch (op.kind) {
    case 'embedding':
      return op.index === 'token' && op.scale === 1;
    case 'norm':
      return op.how === 'rms' && op.per === op.in.features && op.weight !== null && op.bias === null;
    case 'linear':
      return op.biases.every((bias) => bias === null) && op.weights.every((weight) => !weight.rows);
    case 'rope':
      return op.order === 'pairs' && op.table.dims * op.heads === op.in.features && !op.table.yarn;
    case 'attention': {
      const { window, softcap, sinks, alibi, temperature } = op;
      const isShaped = [window, softcap, sinks, alibi, temperature].some((fact) => fact !== null);
      return op.k !== null && op.v !== null && op.headDim === op.valueDim && op.causal && !isShaped;
    }
    case 'activation':
      return op.act.name === 'silu' && op.by?.features === op.in.features && op.times === 1;
    case 'add':
      return op.times === 1;
    default:
      return true;
  }
}

function refused(kind: string): ModelError {
  return new ModelError({
    what: 'the GPU-style baseline',
    given: `a model with ${kind} of a kind that it has no launches for`,
    expected: 'what Llama models are made of',
    todo: 'Take a Llama model for the baseline.',
  });
}
