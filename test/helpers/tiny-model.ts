import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type RandomLlama, randomModelBytes } from '#src/formats/random-model.js';

/** A Llama model of some 150 thousand seeded random weights, as the bytes of a GGUF file. */
export function tinyModel(options: Partial<RandomLlama> = {}): Uint8Array<ArrayBuffer> {
  return randomModelBytes({
    hiddenSize: 64,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    intermediateSize: 160,
    vocabSize: 320,
    ...options,
  });
}

/** The path of a file with these bytes, which is removed when the running test is over. */
export function temporaryFile(bytes: Uint8Array, name = 'model.gguf'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

/** An empty folder, which is removed when the running test is over. */
export function temporaryFolder(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waferflow-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
