/** Peers in processes of their own: real ones where they are installed, and processes that fail. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { BenchCase } from '#src/bench/entrants.js';
import { EngineError } from '#src/core/errors.js';
import { randomModel } from '#src/formats/random-model.js';
import { openLlamaCpp } from '#src/platform/node/peer.js';

const isInstalled = existsSync(
  fileURLToPath(new URL('../../bench/peers/node_modules/node-llama-cpp', import.meta.url)),
);
if (!isInstalled) process.stderr.write('skipped: node-llama-cpp is not installed in bench/peers\n');
const signal = new AbortController().signal;
const one: BenchCase = { phase: 'decode', promptTokens: 4, generatedTokens: 5, batch: 1 };

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waferflow-peer-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A folder in which a peer is installed whose process runs this. */
function peerFolder(source: string): string {
  const directory = temporary();
  mkdirSync(join(directory, 'node_modules/node-llama-cpp'), { recursive: true });
  writeFileSync(join(directory, 'node_modules/node-llama-cpp/package.json'), '{"version":"0.0.1"}');
  writeFileSync(join(directory, 'engines.mjs'), source);
  return directory;
}

describe('a peer in a process', () => {
  it('is refused where it is not installed', () => {
    expect(() => openLlamaCpp({ path: 'x.gguf' }, temporary())).toThrow(EngineError);
  });

  it.each([
    ['throws at once', "throw new Error('no CPU of this kind')", /status 1: .*no CPU of this kind/s],
    ['ends without a word', 'process.exit(3)', /status 3: no message/],
    ['is killed', "process.stdin.once('data', () => process.kill(process.pid, 'SIGKILL'))", /status SIGKILL/],
  ])('that %s fails with its reason', async (_, source, reason) => {
    const peer = openLlamaCpp({ path: 'x.gguf' }, peerFolder(source));
    await expect(peer.run([], one, signal)).rejects.toThrow(reason);
    await peer.close();
  });

  it('ends with the signal', async () => {
    const peer = openLlamaCpp({ path: 'x.gguf' }, peerFolder('process.stdin.resume()'));
    const controller = new AbortController();
    const run = peer.run([], one, controller.signal);
    controller.abort(new Error('enough'));
    await expect(run).rejects.toThrow('enough');
    await peer.close();
  });

  it.skipIf(!isInstalled)('measures every kind of case', async () => {
    const path = join(temporary(), 'model.gguf');
    const model = randomModel({
      hiddenSize: 64,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      numKeyValueHeads: 2,
      intermediateSize: 128,
      vocabSize: 512,
      weightType: 'Q8_0',
      context: 128,
    });
    writeFileSync(path, Buffer.concat([...model.chunks()]));
    const peer = openLlamaCpp({ path });
    onTestFinished(() => peer.close());
    const cases: BenchCase[] = [
      one,
      { ...one, batch: 3 },
      { ...one, phase: 'prefill', generatedTokens: 1 },
      { ...one, phase: 'request' },
    ];
    for (const of of cases) {
      const sample = await peer.run([], of, signal);
      expect(sample.tokensPerSecond).toBeGreaterThan(0);
      expect(sample.ttftMs).toBeGreaterThan(0);
      expect(sample.itlMs).toHaveLength(of.batch * (of.generatedTokens - 1));
    }
  });
});
