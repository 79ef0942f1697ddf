/** The metadata of a GGUF file: typed values by key. */
import type { GgufCursor } from './gguf-cursor.js';

export type NumericArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array
  | BigUint64Array
  | BigInt64Array;

/** 64-bit integers are numbers where a number is exact, else bigints. */
export type GgufValue = number | bigint | boolean | string | GgufArray;
export type GgufArray = NumericArray | readonly boolean[] | readonly string[] | readonly GgufArray[];
export type GgufMetadata = ReadonlyMap<string, GgufValue>;

/** What a key can be asked for as. */
export interface GgufKinds {
  string: string;
  number: number;
  /** A number that counts something: whole and not negative. */
  count: number;
  boolean: boolean;
  strings: readonly string[];
  numbers: ArrayLike<number>;
}

interface Kind<T extends GgufValue | ArrayLike<number>> {
  readonly expected: string;
  accepts(value: GgufValue): value is GgufValue & T;
}

export const metadataKinds: { readonly [K in keyof GgufKinds]: Kind<GgufKinds[K]> } = {
  string: { expected: 'a string', accepts: (value): value is string => typeof value === 'string' },
  number: { expected: 'a number', accepts: (value): value is number => typeof value === 'number' },
  count: {
    expected: 'a whole number, 0 or more',
    accepts: (value): value is number => Number.isSafeInteger(value) && Number(value) >= 0,
  },
  boolean: { expected: 'true or false', accepts: (value): value is boolean => typeof value === 'boolean' },
  strings: {
    expected: 'an array of strings',
    accepts: (value): value is readonly string[] =>
      Array.isArray(value) && (value.length === 0 || typeof value[0] === 'string'),
  },
  numbers: {
    expected: 'an array of numbers',
    accepts: (value): value is Exclude<NumericArray, BigUint64Array | BigInt64Array> =>
      ArrayBuffer.isView(value) && !(value instanceof BigUint64Array) && !(value instanceof BigInt64Array),
  },
};

interface ScalarType {
  readonly bytes: number;
  read(view: DataView): number | bigint;
  /** A copy of the bytes as a typed array; both sides are little-endian. */
  array(bytes: ArrayBuffer): NumericArray;
}

/** A 64-bit integer as a number where that is exact. */
function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Numeric value types by their ids in the file. */
const scalars: ReadonlyMap<number, ScalarType> = new Map<number, ScalarType>([
  [0, { bytes: 1, read: (v) => v.getUint8(0), array: (b) => new Uint8Array(b) }],
  [1, { bytes: 1, read: (v) => v.getInt8(0), array: (b) => new Int8Array(b) }],
  [2, { bytes: 2, read: (v) => v.getUint16(0, true), array: (b) => new Uint16Array(b) }],
  [3, { bytes: 2, read: (v) => v.getInt16(0, true), array: (b) => new Int16Array(b) }],
  [4, { bytes: 4, read: (v) => v.getUint32(0, true), array: (b) => new Uint32Array(b) }],
  [5, { bytes: 4, read: (v) => v.getInt32(0, true), array: (b) => new Int32Array(b) }],
  [6, { bytes: 4, read: (v) => v.getFloat32(0, true), array: (b) => new Float32Array(b) }],
  [10, { bytes: 8, read: (v) => narrow(v.getBigUint64(0, true)), array: (b) => new BigUint64Array(b) }],
  [11, { bytes: 8, read: (v) => narrow(v.getBigInt64(0, true)), array: (b) => new BigInt64Array(b) }],
  [12, { bytes: 8, read: (v) => v.getFloat64(0, true), array: (b) => new Float64Array(b) }],
]);
const booleanType = 7;
const stringType = 8;
const arrayType = 9;
/** Real files have no nested arrays at all; the format allows them. */
const maxArrayDepth = 4;

/** Where the type and value of each key lie in the file, from and to. */
export type MetadataPlaces = ReadonlyMap<string, readonly [from: number, to: number]>;

/** Reads `count` key-value pairs. Rejects with FormatError. */
export async function readMetadata(
  cursor: GgufCursor,
  count: number,
): Promise<{ readonly metadata: GgufMetadata; readonly places: MetadataPlaces }> {
  const metadata = new Map<string, GgufValue>();
  const places = new Map<string, readonly [number, number]>();
  for (let i = 0; i < count; i++) {
    const key = await cursor.string(`key of metadata entry ${i}`);
    const what = `metadata "${key}"`;
    if (metadata.has(key)) throw cursor.error(what, 'a second entry of that name', 'unique keys');
    const from = cursor.offset;
    metadata.set(key, await readValue(cursor, await cursor.u32(`type of ${what}`), what));
    places.set(key, [from, cursor.offset]);
  }
  return { metadata, places };
}

async function readValue(cursor: GgufCursor, type: number, what: string): Promise<GgufValue> {
  if (type === arrayType) return readArray(cursor, what, 1);
  if (type === stringType) return cursor.value(what);
  if (type === booleanType) return readBoolean((await cursor.take(1, what)).getUint8(0), cursor, what);
  const scalar = scalars.get(type);
  if (scalar === undefined) throw unknownType(cursor, type, what);
  return scalar.read(await cursor.take(scalar.bytes, what));
}

async function readArray(cursor: GgufCursor, what: string, depth: number): Promise<GgufArray> {
  if (depth > maxArrayDepth) {
    throw cursor.error(what, `arrays nested more than ${maxArrayDepth} deep`, `at most ${maxArrayDepth}`);
  }
  const type = await cursor.u32(`element type of ${what}`);
  const elementBytes = type === arrayType ? 12 : type === stringType ? 8 : (scalars.get(type)?.bytes ?? 1);
  const count = await cursor.size(`length of ${what}`, Math.floor((cursor.remaining - 8) / elementBytes));
  // Token texts have to be right; others are for people.
  if (type === stringType) return cursor.strings(count, what, what.includes('tokenizer.'));
  if (type === arrayType) {
    const arrays: GgufArray[] = [];
    for (let i = 0; i < count; i++) arrays.push(await readArray(cursor, what, depth + 1));
    return arrays;
  }
  if (type !== booleanType && !scalars.has(type)) throw unknownType(cursor, type, what);
  const view = await cursor.take(count * elementBytes, what);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  if (type === booleanType) return Array.from(bytes, (byte) => readBoolean(byte, cursor, what));
  return scalars.get(type)!.array(bytes.slice().buffer as ArrayBuffer);
}

function readBoolean(byte: number, cursor: GgufCursor, what: string): boolean {
  if (byte > 1) throw cursor.error(what, `boolean ${byte}`, '0 or 1');
  return byte === 1;
}

function unknownType(cursor: GgufCursor, type: number, what: string) {
  return cursor.error(`type of ${what}`, `${type}`, 'one of 0 to 12');
}
