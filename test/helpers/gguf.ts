import { readFileSync } from 'node:fs';
import { FormatError, OptionError } from '#src/core/errors.js';
import { type GgufFile, readGguf } from '#src/formats/gguf.js';
import { bytesSource } from '#src/formats/source.js';
import { createTokenizer } from '#src/formats/tokenizer.js';
import type { Tokenizer } from '#src/formats/tokenizer-types.js';

export function readBytes(bytes: Uint8Array): Promise<GgufFile> {
  return readGguf(bytesSource(bytes, 'test.gguf'));
}

export async function tokenizerOf(bytes: Uint8Array): Promise<Tokenizer> {
  return createTokenizer(await readBytes(bytes));
}

export function tokenizerOfFile(path: string): Promise<Tokenizer> {
  return tokenizerOf(readFileSync(path));
}

/** The deliberate error that `run` ends in; anything else, an end without an error included, fails the test. */
export async function deliberateError(run: () => unknown): Promise<FormatError | OptionError> {
  try {
    await run();
  } catch (thrown) {
    if (thrown instanceof FormatError || thrown instanceof OptionError) return thrown;
    throw thrown;
  }
  throw new Error('ended without an error');
}

/** Pieces of a GGUF file as bytes, for files that no writer would write. */
export const raw = {
  u32: (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer),
  u64: (value: number | bigint): Uint8Array => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer),
  string: (text: string): Uint8Array => Buffer.concat([raw.u64(Buffer.byteLength(text)), Buffer.from(text)]),
  header: (version: number, tensors: number | bigint, metadata: number | bigint): Uint8Array =>
    Buffer.concat([Buffer.from('GGUF'), raw.u32(version), raw.u64(tensors), raw.u64(metadata)]),
  tensor: (
    name: string,
    dims: readonly (number | bigint)[],
    type: number,
    offset: number | bigint,
  ): Uint8Array =>
    Buffer.concat([
      raw.string(name),
      raw.u32(dims.length),
      ...dims.map(raw.u64),
      raw.u32(type),
      raw.u64(offset),
    ]),
};
