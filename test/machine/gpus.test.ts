import { describe, expect, it } from 'vitest';
import { GPU_KEYS, GPUS, type GpuKey, parseGpu } from '#src/machine/gpus.js';

describe('the table of GPUs', () => {
  it('has the machines of the command line, every number with a source and in range', () => {
    const names = ['a100', 'h100', 'h200', 'b200', 'gb200', 'b300', 'l40s', 'l4', 'rtx-5090', 'mi300x'];
    expect(GPUS.map((gpu) => gpu.name)).toEqual(names);
    for (const gpu of GPUS) {
      for (const key of Object.keys(GPU_KEYS) as GpuKey[]) {
        const fact = gpu.facts[key];
        expect(fact.source.length, `${gpu.name} ${key}`).toBeGreaterThan(3);
        expect(fact.value).toBeGreaterThanOrEqual(GPU_KEYS[key].min);
        expect(fact.value).toBeLessThanOrEqual(GPU_KEYS[key].max);
      }
    }
  });

  it('takes a GPU of one’s own from JSON', () => {
    const text = JSON.stringify({
      kind: 'gpu',
      name: 'mine',
      base: 'b200',
      memoryBytes: 1e11,
      nativeBits: [16, 8],
    });
    const gpu = parseGpu(text, 'mine.json');
    expect(gpu.facts.memoryBytes).toMatchObject({ value: 1e11, tag: 'guessed' });
    expect(gpu.facts.flops16.value).toBe(2250e12);
  });

  it.each([
    ['{', 'valid JSON'],
    ['{"kind": "tpu", "name": "x"}', 'kind'],
    ['{"kind": "gpu", "name": "X Y"}', 'name'],
    ['{"kind": "gpu", "name": "x", "base": "z80"}', 'base'],
    ['{"kind": "gpu", "name": "x", "memoryBites": 1}', 'memoryBites'],
    ['{"kind": "gpu", "name": "x", "computeShare16": 2}', 'computeShare16'],
    ['{"kind": "gpu", "name": "x", "perNode": 0}', 'perNode'],
    ['{"kind": "gpu", "name": "x", "nativeBits": [5]}', 'nativeBits'],
  ])('refuses %s', (text, named) => {
    expect(() => parseGpu(text, 'x.json')).toThrow(named);
  });
});
