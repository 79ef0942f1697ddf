/** Compiles the ops of a plan into a program image (kernels/program/instructions.ts): a flat list of instructions. */
import {
  OP_ARGMAX,
  OP_ATTENTION,
  OP_BARRIER,
  OP_EMBEDDING,
  OP_END,
  OP_MATMUL,
  OP_QUANTIZE,
  OP_RESIDUAL,
  OP_RMSNORM,
  OP_ROPE_APPEND,
  OP_SWIGLU,
  ROWS_ALL,
  ROWS_LOGITS,
  WORDS,
} from '../../../kernels/program/instructions.js';
import type { LlamaConfig } from '../../../models/llama.js';
import { tensorType } from '../../formats/tensor-types.js';
import {
  type PlacedAttention,
  type PlacedMatmul,
  type PlacedNorm,
  type PlacedOp,
  type Reduce,
  type Split,
  tileStart,
} from '../../placement/plan.js';
import { foldPairs, foldRoot } from '../../placement/reduce.js';
import { type Buffer2d, type BufferName, kernelType, type Layout } from './layout.js';

/** Makes the address of a table of i32 words in the engine's memory. */
export type PutWords = (words: readonly number[]) => number;

/** f32 bits as an i32 operand. */
export function floatBits(value: number): number {
  return new Int32Array(new Float32Array([value]).buffer)[0]!;
}

/** The words of the image for `ops` in order; fold tables go through `put`. */
export function compileImage(
  config: LlamaConfig,
  ops: readonly PlacedOp[],
  layout: Layout,
  put: PutWords,
): number[] {
  const compiler = new ImageCompiler(config, layout, put);
  ops.forEach((op, i) => {
    compiler.add(op, ops.slice(i + 1));
  });
  return compiler.end();
}

class ImageCompiler {
  private readonly words: number[] = [];
  private readonly folds = new Map<string, number>();
  private readonly config: LlamaConfig;
  private readonly layout: Layout;
  private readonly put: PutWords;

  constructor(config: LlamaConfig, layout: Layout, put: PutWords) {
    this.config = config;
    this.layout = layout;
    this.put = put;
  }

  add(op: PlacedOp, following: readonly PlacedOp[]): void {
    switch (op.kind) {
      case 'embedding': {
        const weight = this.layout.weights.get(op.weight)!;
        const type = kernelType[weight.info.type];
        this.emit(OP_EMBEDDING, weight.address, type, weight.columns, ...this.buffer('x'));
        this.emit(OP_BARRIER);
        return;
      }
      case 'rmsnorm':
        this.norm(op, following.find((next) => next.kind === 'matmul')!);
        return;
      case 'matmul':
        this.matmul(op);
        return;
      case 'attention':
        this.attention(op);
        return;
    }
  }

  end(): number[] {
    this.emit(OP_END);
    return this.words;
  }

  private emit(...instruction: number[]): void {
    for (let i = 0; i < WORDS; i++) this.words.push(instruction[i] ?? 0);
  }

  private buffer(name: BufferName): [number, number] {
    const { address, stride }: Buffer2d = this.layout.buffers[name];
    return [address, stride];
  }

  /** The address of the fold table of sums cut by `columns`, with tile ends in `unit` elements; 0 for one tile. */
  private foldTable(reduce: Reduce, columns: Split | null, unit: number): number {
    if (reduce.parts === 1) return 0;
    const ends = Array.from({ length: reduce.parts }, (_, tile) =>
      columns === null ? 0 : tileStart(columns, tile + 1) / unit,
    );
    const pairs = foldPairs(reduce);
    const table = [reduce.parts, ...ends, pairs.length];
    for (const { into, from } of pairs) table.push(into, from);
    table.push(foldRoot(reduce));
    const key = table.join();
    const known = this.folds.get(key);
    if (known !== undefined) return known;
    const address = this.put(table);
    this.folds.set(key, address);
    return address;
  }

  private isQuantised(weight: string): boolean {
    return tensorType(this.layout.weights.get(weight)!.info.type).blockElements > 1;
  }

  private norm(op: PlacedNorm, consumer: PlacedMatmul): void {
    this.emit(
      OP_RMSNORM,
      ...this.buffer('x'),
      this.layout.norms.get(op.weight)!.address,
      this.config.hiddenSize,
      floatBits(this.config.rmsNormEps),
      this.foldTable(op.reduce, op.columns, 1),
      op.name === 'norm' ? ROWS_LOGITS : ROWS_ALL,
      consumer.weights.some((weight) => this.isQuantised(weight)) ? 1 : 0,
    );
  }

  private attention(op: PlacedAttention): void {
    const pages = this.layout.kvLayers[op.layer]!;
    this.emit(
      OP_ROPE_APPEND,
      ...this.buffer('q'),
      ...this.buffer('k'),
      ...this.buffer('v'),
      pages,
      this.layout.ropeTable,
    );
    this.emit(OP_BARRIER);
    const folds = this.foldTable(op.reduce, null, 1);
    this.emit(OP_ATTENTION, ...this.buffer('q'), ...this.buffer('attention'), pages, folds);
    this.emit(OP_BARRIER);
  }

  private matmul(op: PlacedMatmul): void {
    switch (op.name) {
      case 'qkv':
        this.multiply(op, null, ['q', 'k', 'v']);
        break;
      case 'o':
        this.addTo(op, 'attention');
        break;
      case 'gateUp': {
        this.multiply(op, null, ['gate', 'up']);
        const rows = this.config.intermediateSize;
        this.emit(OP_SWIGLU, ...this.buffer('gate'), ...this.buffer('up'), rows, ROWS_ALL);
        break;
      }
      case 'down':
        this.addTo(op, 'gate');
        break;
      case 'lmHead':
        this.multiply(op, null, ['logits'], ROWS_LOGITS);
        this.emit(OP_ARGMAX, ...this.buffer('logits'), this.layout.vocabSize);
        break;
    }
    this.emit(OP_BARRIER);
  }

  /** x += W source. */
  private addTo(op: PlacedMatmul, source: BufferName): void {
    if (this.isQuantised(op.weights[0]!)) {
      this.emit(OP_QUANTIZE, ...this.buffer(source), op.inFeatures, ROWS_ALL);
    }
    this.multiply(op, source, ['delta']);
    this.emit(OP_RESIDUAL, ...this.buffer('x'), ...this.buffer('delta'), this.config.hiddenSize, ROWS_ALL);
  }

  /** One instruction per weight; `source` is null for the normed activation. */
  private multiply(
    op: PlacedMatmul,
    source: BufferName | null,
    outputs: readonly BufferName[],
    rows = ROWS_ALL,
  ): void {
    op.weights.forEach((name, i) => {
      const weight = this.layout.weights.get(name)!;
      const { type } = weight.info;
      const unit = tensorType(type).blockElements;
      this.emit(
        OP_MATMUL,
        kernelType[type],
        weight.address,
        weight.rows,
        weight.columns,
        ...(source === null ? [0, 0] : this.buffer(source)),
        ...this.buffer(outputs[i]!),
        this.foldTable(op.reduce, op.columns, unit),
        rows,
      );
    });
  }
}
