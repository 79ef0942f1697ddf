/** Writes GGUF files, version 3, little-endian: the header as bytes, tensor data wherever the caller has it. */
import { OptionError } from '../core/errors.js';
import { bytesOfElements, tensorType, type WeightType } from './tensor-types.js';

/**
 * A metadata value. Whole numbers become u32 (i32 when negative) and others f32, in arrays i32 and f32; readers
 * are strict about it, so a float that happens to be whole is given as `{type: 'f32', value}`.
 */
export type GgufInput =
  | string
  | number
  | boolean
  | readonly string[]
  | readonly number[]
  | Float32Array
  | Int32Array
  | Uint32Array
  | { readonly type: 'f32' | 'f64' | 'u64'; readonly value: number | bigint }
  /** Type and value as the bytes that another file has for them. */
  | { readonly stored: Uint8Array };

export interface GgufTensorShape {
  readonly name: string;
  readonly type: WeightType;
  /** In ggml's order: `dims[0]` is the length of a row. */
  readonly dims: readonly number[];
}

export interface GgufTensorInput extends GgufTensorShape {
  readonly data: Uint8Array;
}

export interface GgufHeader {
  /** The header, padded to the start of the data. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Where the data of each tensor goes in the file, in the order given. */
  readonly offsets: readonly number[];
  /** Bytes of the whole file. */
  readonly fileBytes: number;
}

const alignment = 32;
const align = (offset: number) => Math.ceil(offset / alignment) * alignment;
const utf8 = new TextEncoder();

/** A byte array that grows by doubling. */
class ByteWriter {
  private bytes = new Uint8Array(65536);
  private view = new DataView(this.bytes.buffer);
  length = 0;

  /** Where `size` more bytes go; may replace `bytes` and `view`, so it is called before they are used. */
  private room(size: number): number {
    const at = this.length;
    this.length += size;
    if (this.length > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.length, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
      this.view = new DataView(grown.buffer);
    }
    return at;
  }

  u8(value: number): void {
    const at = this.room(1);
    this.view.setUint8(at, value);
  }
  u32(value: number): void {
    const at = this.room(4);
    this.view.setUint32(at, value, true);
  }
  i32(value: number): void {
    const at = this.room(4);
    this.view.setInt32(at, value, true);
  }
  f32(value: number): void {
    const at = this.room(4);
    this.view.setFloat32(at, value, true);
  }
  f64(value: number): void {
    const at = this.room(8);
    this.view.setFloat64(at, value, true);
  }
  u64(value: number | bigint): void {
    const at = this.room(8);
    this.view.setBigUint64(at, BigInt(value), true);
  }
  raw(bytes: Uint8Array): void {
    const at = this.room(bytes.length);
    this.bytes.set(bytes, at);
  }
  string(text: string): void {
    const bytes = utf8.encode(text);
    this.u64(bytes.length);
    this.raw(bytes);
  }
  padded(): Uint8Array<ArrayBuffer> {
    this.room(align(this.length) - this.length);
    return this.bytes.slice(0, this.length);
  }
}

/** Value type ids of the format. */
const ids = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9, u64: 10, f64: 12 } as const;

function writeValue(out: ByteWriter, value: GgufInput): void {
  if (typeof value === 'string') {
    out.u32(ids.string);
    out.string(value);
  } else if (typeof value === 'boolean') {
    out.u32(ids.bool);
    out.u8(value ? 1 : 0);
  } else if (typeof value === 'number') {
    const id = numberType([value]);
    out.u32(id);
    writeNumber(out, id, value);
  } else if ('stored' in value) {
    out.raw(value.stored);
  } else if ('type' in value) {
    out.u32(ids[value.type]);
    if (value.type === 'u64') out.u64(value.value);
    else if (value.type === 'f64') out.f64(Number(value.value));
    else out.f32(Number(value.value));
  } else {
    writeArray(out, value);
  }
}

function writeArray(
  out: ByteWriter,
  values: Exclude<GgufInput, string | number | boolean | { type: string } | { stored: Uint8Array }>,
): void {
  out.u32(ids.array);
  if (values.length > 0 && typeof values[0] === 'string') {
    out.u32(ids.string);
    out.u64(values.length);
    for (const text of values) out.string(String(text));
    return;
  }
  const id =
    values instanceof Float32Array
      ? ids.f32
      : values instanceof Uint32Array
        ? ids.u32
        : values instanceof Int32Array
          ? ids.i32
          : numberType(values.map(Number), ids.i32);
  out.u32(id);
  out.u64(values.length);
  for (const value of values) writeNumber(out, id, Number(value));
}

/** The narrowest of i32 and u32 that holds all of the numbers (`preferred` when both do), else f32. */
function numberType(values: readonly number[], preferred: number = ids.u32): number {
  if (!values.every((value) => Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32))
    return ids.f32;
  if (values.some((value) => value < 0)) return ids.i32;
  return values.some((value) => value >= 2 ** 31) ? ids.u32 : preferred;
}

function writeNumber(out: ByteWriter, id: number, value: number): void {
  if (id === ids.f32) out.f32(value);
  else if (id === ids.u32) out.u32(value);
  else out.i32(value);
}

/** The header of a file and the places of its tensors. Throws OptionError on a shape that its type cannot have. */
export function ggufHeader(
  metadata: Readonly<Record<string, GgufInput>>,
  tensors: readonly GgufTensorShape[],
): GgufHeader {
  const out = new ByteWriter();
  const entries = Object.entries(metadata);
  out.raw(utf8.encode('GGUF'));
  out.u32(3);
  out.u64(tensors.length);
  out.u64(entries.length);
  for (const [key, value] of entries) {
    out.string(key);
    writeValue(out, value);
  }
  const relative: number[] = [];
  let dataBytes = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.u32(tensor.dims.length);
    for (const size of tensor.dims) out.u64(size);
    out.u32(tensorType(tensor.type).id);
    out.u64(dataBytes);
    relative.push(dataBytes);
    dataBytes = align(dataBytes + tensorBytes(tensor));
  }
  const bytes = out.padded();
  return {
    bytes,
    offsets: relative.map((offset) => bytes.length + offset),
    fileBytes: bytes.length + dataBytes,
  };
}

/** Bytes that a tensor's data takes. Throws OptionError when its rows are not whole blocks. */
export function tensorBytes({ name, type, dims }: GgufTensorShape): number {
  const { blockElements } = tensorType(type);
  if ((dims[0] ?? 0) < 1 || dims[0]! % blockElements !== 0) {
    throw new OptionError({
      what: `tensor "${name}"`,
      given: `rows of ${dims[0]} elements`,
      expected: `whole ${type} blocks of ${blockElements}`,
      todo: 'Take F16 for this tensor.',
    });
  }
  return bytesOfElements(
    type,
    dims.reduce((product, size) => product * size, 1),
  );
}

/** A whole file in memory, for small models. Throws OptionError when data and shape of a tensor disagree. */
export function writeGguf(
  metadata: Readonly<Record<string, GgufInput>>,
  tensors: readonly GgufTensorInput[],
): Uint8Array<ArrayBuffer> {
  const header = ggufHeader(metadata, tensors);
  const file = new Uint8Array(header.fileBytes);
  file.set(header.bytes);
  for (const [i, tensor] of tensors.entries()) {
    if (tensor.data.length !== tensorBytes(tensor)) {
      throw new OptionError({
        what: `tensor "${tensor.name}"`,
        given: `${tensor.data.length} bytes`,
        expected: `${tensorBytes(tensor)} bytes of ${tensor.type} for [${tensor.dims.join(', ')}]`,
        todo: 'Give data of the shape.',
      });
    }
    file.set(tensor.data, header.offsets[i]!);
  }
  return file;
}
