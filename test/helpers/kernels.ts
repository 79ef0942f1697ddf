/** The builds of the kernels, and memory for them in which every buffer is watched. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isBlockType, quantOf, type WeightType } from '#kernels/quants/index.js';
import { emptyBlock, isBlockQuant } from '#kernels/quants/quant.js';
import * as variants from '#kernels/quants/variants.js';
import type { Rng } from '#src/core/rng.js';
import { dequantize, quantize } from '#src/formats/quantize.js';
import { kernelBuilds } from '#src/platform/node/load.js';
import {
  instantiateKernels,
  type KernelExports,
  reservedBytes,
  tryBuilds,
} from '#src/runtime/program/kernels.js';
import { packerOf } from '#src/runtime/program/pack.js';
import type { SimdMode } from '#src/runtime/types.js';

export const idOf = (type: WeightType): number => quantOf(type).id;

/**
 * Guard words before and after every buffer: 2e30 as float32, so that a kernel that reads them shows it too, and
 * that one which works on them in place changes them (a NaN would stay as it is).
 */
const GUARD_WORDS = 16;
const GUARD = 0x71dead00;
const MEMORY_PAGES = 64;

interface Watched {
  readonly name: string;
  readonly address: number;
  readonly bytes: number;
  /** What the buffer must still hold, for those that a kernel only reads. */
  readonly kept: Uint8Array | null;
}

/** A kernels instance of one build with a memory that can be used again for each case. */
export class KernelMachine {
  readonly build: string;
  /** How it multiplies: see kernels/quants/variants. */
  readonly variant: number;
  readonly kernels: KernelExports;
  readonly memory = new WebAssembly.Memory({
    initial: MEMORY_PAGES,
    maximum: MEMORY_PAGES,
    shared: true,
  });
  private readonly watched: Watched[] = [];
  private end = reservedBytes;

  constructor(build: string, mode: SimdMode, binary: Uint8Array<ArrayBuffer>) {
    this.build = build;
    this.variant = {
      simd: variants.PLAIN,
      relaxed: variants.RELAXED,
      u8s8: variants.U8S8,
      s8s8: variants.S8S8,
    }[mode];
    this.kernels = instantiateKernels(new WebAssembly.Module(binary), this.memory);
  }

  /** Forgets all buffers. */
  reset(): void {
    this.watched.length = 0;
    this.end = reservedBytes;
  }

  /** A buffer that kernels only read: the address of a copy of `data`. */
  input(name: string, data: ArrayBufferView): number {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
    const address = this.take(name, bytes.length, bytes);
    this.write(address, bytes);
    return address;
  }

  /** A buffer that kernels write, full of NaN; or starting with `data`, for those that work in place. */
  output(name: string, bytes: number, data?: ArrayBufferView): number {
    const address = this.take(name, bytes, null);
    new Uint8Array(this.memory.buffer, address, bytes).fill(0xff);
    if (data) this.write(address, data);
    return address;
  }

  /** Declares that what `output` returned is complete: from now on kernels only read it. */
  freeze(address: number): void {
    const index = this.watched.findIndex((buffer) => buffer.address === address);
    const { name, bytes } = this.watched[index]!;
    this.watched[index] = { name, address, bytes, kept: this.bytes(address, bytes) };
  }

  /** Changes the start of a buffer that `output` returned. */
  write(address: number, data: ArrayBufferView): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
  }

  /** Copies of what lies at an address. */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(new Uint8Array(this.memory.buffer, address, length));
  }

  floats(address: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.bytes(address, length * 4).buffer);
  }

  /** What is broken: guards around buffers and buffers that were to be read only; empty when all is well. */
  damage(): string[] {
    const broken: string[] = [];
    for (const { name, address, bytes, kept } of this.watched) {
      if (!this.guardHolds(address - GUARD_WORDS * 4)) broken.push(`the guard before ${name}`);
      if (!this.guardHolds(address + Math.ceil(bytes / 4) * 4)) broken.push(`the guard after ${name}`);
      if (kept && Buffer.compare(this.bytes(address, bytes), kept) !== 0) broken.push(`the input ${name}`);
    }
    return broken;
  }

  private take(name: string, bytes: number, kept: Uint8Array | null): number {
    const address = Math.ceil(this.end / 64) * 64 + GUARD_WORDS * 4;
    const after = address + Math.ceil(bytes / 4) * 4;
    this.guard(address - GUARD_WORDS * 4);
    this.guard(after);
    this.watched.push({ name, address, bytes, kept });
    this.end = after + GUARD_WORDS * 4;
    return address;
  }

  private guard(address: number): void {
    new Uint32Array(this.memory.buffer, address, GUARD_WORDS).fill(GUARD);
  }

  private guardHolds(address: number): boolean {
    return new Uint32Array(this.memory.buffer, address, GUARD_WORDS).every((word) => word === GUARD);
  }
}

const { exact } = await tryBuilds(kernelBuilds);
const emulated = (mode: SimdMode): Uint8Array<ArrayBuffer> =>
  new Uint8Array(
    readFileSync(fileURLToPath(new URL(`../../dist/kernels/kernels-${mode}-emulated.wasm`, import.meta.url))),
  );

/** One machine per build that this engine computes exactly, the plain one first, and the other ones emulated. */
export const machines: readonly KernelMachine[] = [
  ...(await Promise.all(
    exact.map(async (mode) => new KernelMachine(mode, mode, await kernelBuilds.read(mode))),
  )),
  ...(['u8s8', 's8s8'] as const)
    .filter((mode) => !exact.includes(mode))
    .map((mode) => new KernelMachine(`${mode}, emulated`, mode, emulated(mode))),
];
export const simdMachine = machines[0]!;

/** n standard normal numbers as float32. */
export function normals(rng: Rng, n: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: n }, () => rng.normal());
}

/** A matrix as a file holds it, its values, and how large the parts of each are that cancel in types with mins. */
export interface Matrix {
  readonly type: WeightType;
  readonly rows: number;
  readonly columns: number;
  readonly raw: Uint8Array<ArrayBuffer>;
  readonly values: Float32Array;
  readonly magnitudes: Float32Array;
}

/** Random values of a float type; random blocks, any bytes with a scale that products can bear, of a block type. */
export function randomMatrix(rng: Rng, type: WeightType, rows: number, columns: number): Matrix {
  const raw = isBlockType(type)
    ? randomBlocks(rng, type, rows * columns)
    : quantize(normals(rng, rows * columns), type);
  return matrixOf(type, rows, columns, raw);
}

function randomBlocks(rng: Rng, type: WeightType, elements: number): Uint8Array<ArrayBuffer> {
  const quant = quantOf(type);
  if (!isBlockQuant(quant)) throw new Error(`${type} has no blocks`);
  const raw = new Uint8Array((elements / quant.block) * quant.bytes);
  const view = new DataView(raw.buffer);
  const block = emptyBlock(quant);
  const isBearable = (x: number): boolean => x === 0 || (Math.abs(x) > 1e-12 && Math.abs(x) < 1e6);
  for (let at = 0; at < raw.length; at += quant.bytes) {
    do {
      for (let i = 0; i < quant.bytes; i++) raw[at + i] = rng.nextUint32();
      quant.decode(view, at, block);
    } while (!(isBearable(block.scale) && isBearable(block.min)));
  }
  return raw;
}

export function matrixOf(
  type: WeightType,
  rows: number,
  columns: number,
  raw: Uint8Array<ArrayBuffer>,
): Matrix {
  const values = dequantize(raw, type);
  const quant = quantOf(type);
  const magnitudes = values.map(Math.abs);
  if (isBlockQuant(quant) && quant.hasMins) {
    const view = new DataView(raw.buffer);
    const block = emptyBlock(quant);
    for (let i = 0; i < values.length; i++) {
      const c = i % quant.block;
      if (c === 0) quant.decode(view, (i / quant.block) * quant.bytes, block);
      const min = Math.abs(block.min * block.mins[Math.floor(c / quant.span)]!);
      magnitudes[i] = Math.abs(values[i]! + (block.min < 0 ? -min : min)) + min;
    }
  }
  return { type, rows, columns, raw, values, magnitudes };
}

/** Packs a matrix with the machine's kernels; the address of its groups. */
export function packMatrix(machine: KernelMachine, { type, rows, columns, raw }: Matrix): number {
  const { kernels } = machine;
  const groupBytes = kernels.groupBytes(idOf(type), columns);
  const rowBytes = raw.length / rows;
  const pack = packerOf(kernels, machine.memory, type, columns);
  const source = machine.input('raw rows', raw);
  const packed = machine.output('W', Math.ceil(rows / 8) * groupBytes);
  for (let row = 0; row < rows; row += 8) {
    const count = Math.min(8, rows - row);
    const to = packed + (row / 8) * groupBytes;
    pack(source + row * rowBytes, rowBytes, count, to);
  }
  machine.freeze(packed);
  return packed;
}

/** x [columns] quantised by the machine's kernel: its address, and the int8 and the scales that it stands for. */
export function quantizeVector(machine: KernelMachine, x: Float32Array<ArrayBuffer>): QuantizedVector {
  const columns = x.length;
  const bytes = machine.kernels.quantizedBytes(columns);
  const address = machine.output('quantised x', bytes);
  machine.kernels.quantize(machine.input('x', x), columns, address);
  machine.freeze(address);
  const data = machine.bytes(address, bytes).buffer;
  const blocks = columns / 32;
  return {
    address,
    quants: new Int16Array(data, 0, columns),
    bytes: new Int8Array(data, columns * 2, columns),
    scales: new Float32Array(data, columns * 3, blocks),
    sums: new Int32Array(data, columns * 3 + blocks * 4, columns / 16),
  };
}

export interface QuantizedVector {
  readonly address: number;
  readonly quants: Int16Array;
  readonly bytes: Int8Array;
  readonly scales: Float32Array;
  readonly sums: Int32Array;
}

/** K and V of all KV heads [length][kvHeads][dim] in pages, in an order of pages that is not theirs. */
export interface KvCache {
  readonly layer: number;
  readonly pages: number;
}

export interface KvShape {
  readonly kvHeads: number;
  readonly dim: number;
  readonly length: number;
  readonly kvValueBytes: 2 | 4;
}

export function fillKv(
  machine: KernelMachine,
  { kvHeads, dim, length, kvValueBytes }: KvShape,
  k: Float32Array,
  v: Float32Array,
): KvCache {
  const { kernels } = machine;
  const count = Math.ceil(length / 32);
  const pageBytes = kernels.pageBytes(kvHeads, dim, dim, kvValueBytes);
  // One page more than needed, and the last one first.
  const numbers = Int32Array.from({ length: count }, (_, page) => count - page);
  const pages = machine.input('page numbers', numbers);
  const layer = machine.output('KV pages', (count + 1) * pageBytes);
  const kAddress = machine.input('k', k);
  const vAddress = machine.input('v', v);
  for (let p = 0; p < length; p++) {
    for (let head = 0; head < kvHeads; head++) {
      const page = layer + numbers[p >> 5]! * pageBytes;
      const at = (p * kvHeads + head) * dim * 4;
      kernels.kvAppend(page, p & 31, head, dim, dim, kAddress + at, vAddress + at, kvValueBytes);
    }
  }
  machine.freeze(layer);
  return { layer, pages };
}
