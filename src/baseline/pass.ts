/** One pass of a Llama model as launches of kernels: layer by layer, every activation through device memory. */
import { appendKv, maxima, quotients, scores, valueSums, weights } from '../../kernels/attention/gpu.js';
import { embedding, lastToken } from '../../kernels/embedding/gpu.js';
import type { GpuThread, Unwritten } from '../../kernels/gpu.js';
import { matmul } from '../../kernels/matmul/gpu.js';
import { matvec } from '../../kernels/matvec/gpu.js';
import { residual, sumOfParts } from '../../kernels/residual/gpu.js';
import { rmsnorm, squareSums } from '../../kernels/rmsnorm/gpu.js';
import { rope } from '../../kernels/rope/gpu.js';
import { swiglu } from '../../kernels/swiglu/gpu.js';
import { forward, type LlamaConfig, type MatmulOp } from '../../models/llama.js';
import { ModelError } from '../core/errors.js';
import type { Device, DeviceValue, Launch, Pass } from './device.js';
import type { BaselineWeights, Matrix, MatrixLayout } from './weights.js';

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
  readonly config: LlamaConfig;
  readonly weights: BaselineWeights;
  readonly context: number;
  readonly ropeTables: { readonly cos: Float32Array; readonly sin: Float32Array };
  readonly cut: Cut;
}

/** Arguments: ids [tokens], position of the first, how many are real, 1 where logits are wanted. Result: logits. */
export const PASS_ARGUMENTS = 4;

/** Compiles the pass; nothing has run or been uploaded yet. */
export function compilePass(device: Device, input: PassInput): CompiledPass {
  const nothing = {} as DeviceValue;
  const args = new Array<DeviceValue>(PASS_ARGUMENTS).fill(nothing);
  // Once without a device, for what every launch moves and which sizes are taken.
  const rehearsal = new Tracer({ kernel: () => () => nothing, constant: () => nothing }, input, args, []);
  rehearsal.run();
  const taken = [...rehearsal.sizes];
  const pass = device.pass((...handles) => new Tracer(device, input, handles, taken).run(), PASS_ARGUMENTS);
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

  constructor(
    device: Pick<Device, 'kernel' | 'constant'>,
    input: PassInput,
    args: readonly DeviceValue[],
    taken: readonly number[],
  ) {
    this.device = device;
    this.input = input;
    this.taken = new Set(taken);
    this.ids = args[0]!;
    this.position = args[1]!;
    this.count = args[2]!;
    this.wanted = args[3]!;
    this.numbers = new Set([this.position, this.count, this.wanted]);
  }

  run(): DeviceValue {
    const { config, weights: held, cut, ropeTables } = this.input;
    const { hiddenSize } = config;
    const { tokens } = cut;
    const cos = this.device.constant(ropeTables.cos);
    const sin = this.device.constant(ropeTables.sin);
    let x: DeviceValue | null = null;
    let h: DeviceValue | null = null;
    for (const [at, op] of forward(config).entries()) {
      if (op.kind === 'embedding') {
        const table = this.device.constant(held.embedding.values, hiddenSize);
        x = this.launch(embedding, [table, this.ids, this.count], {
          size: tokens * hiddenSize,
          constants: { columns: hiddenSize },
          values: 2 * hiddenSize,
        });
      } else if (op.kind === 'rmsnorm') {
        h = this.norm(x!, held.norms.get(at)!);
      } else if (op.kind === 'attention') {
        h = this.attention(h!, cos, sin);
      } else if (op.name === 'lmHead') {
        return this.head(h!, held.matrices.get(at)!);
      } else {
        const y = this.product(held.matrices.get(at)!, h!, tokens, this.count);
        if (op.name === 'qkv') h = y;
        else if (op.name === 'gateUp') h = this.swiglu(y, op);
        else x = this.add(x!, y, tokens * hiddenSize);
      }
    }
    throw new Error('a model without a head');
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

  private norm(x: DeviceValue, weight: Float32Array): DeviceValue {
    const { config, cut } = this.input;
    const { tokens, parts } = cut;
    const columns = config.hiddenSize;
    const squares = this.launch(squareSums, [x, this.count], {
      size: parts * tokens,
      constants: { columns, tokens, partColumns: Math.ceil(columns / parts) },
      loops: true,
      values: columns + parts,
    });
    return this.launch(rmsnorm, [x, squares, this.device.constant(weight), this.count], {
      size: tokens * columns,
      constants: { columns, tokens, parts, eps: config.rmsNormEps },
      values: 3 * columns + parts,
    });
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

  private add(x: DeviceValue, y: DeviceValue, size: number): DeviceValue {
    const { parts, tokens } = this.input.cut;
    return this.launch(residual, [x, y], {
      size,
      constants: { parts, size },
      values: ((2 + parts) * size) / tokens,
    });
  }

  private swiglu(gateUp: DeviceValue, op: MatmulOp): DeviceValue {
    const { parts, tokens } = this.input.cut;
    const size = op.outFeatures[0]!;
    return this.launch(swiglu, [gateUp, this.count], {
      size: tokens * size,
      constants: { parts, tokens, size },
      values: (2 * parts + 1) * size,
    });
  }

  private attention(qkv: DeviceValue, cos: DeviceValue, sin: DeviceValue): DeviceValue {
    const { config, cut, context } = this.input;
    const { parts, tokens } = cut;
    const { headDim, numAttentionHeads: heads, numKeyValueHeads: kvHeads } = config;
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
      constants: { heads, group, headDim, kvSize, context, scale: 1 / Math.sqrt(headDim) },
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
