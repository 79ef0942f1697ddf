import { describe, expect, it } from 'vitest';
import { MachineError } from '#src/core/errors.js';
import { parseWafer } from '#src/machine/custom.js';
import { findWafer, WAFER_KEYS, WAFERS, waferNumbers } from '#src/machine/wafers.js';

describe('the table of wafers', () => {
  it.each(WAFERS.map((wafer) => [wafer.name, wafer] as const))(
    '%s: every number in range with a source',
    (_, wafer) => {
      for (const [key, range] of Object.entries(WAFER_KEYS)) {
        const fact = wafer.facts[key as keyof typeof WAFER_KEYS];
        expect(fact.value, key).toBeGreaterThanOrEqual(range.min);
        expect(fact.value, key).toBeLessThanOrEqual(range.max);
        expect(fact.source.length, key).toBeGreaterThan(5);
        if (range.whole) expect(Number.isInteger(fact.value), key).toBe(true);
      }
    },
  );

  it('holds the published SRAM: 40 GB on WSE-2, 44 GB on WSE-3', () => {
    const sramBytes = (name: string, cores: number): number =>
      waferNumbers(findWafer(name)).sramBytesPerPe * cores;
    expect(sramBytes('wse-2', 850e3) / 1e9).toBeCloseTo(41.8, 1);
    expect(sramBytes('wse-3', 900e3) / 2 ** 30).toBeCloseTo(41.2, 1);
  });

  it('names the known machines when asked for another', () => {
    expect(() => findWafer('wse-9')).toThrow(/wse-2, wse-3, wse-3t, desk/);
  });
});

describe('a machine file', () => {
  it('replaces what it names and keeps the rest of its base', () => {
    const text =
      '{"name":"mine","base":"wse-3","clockHz":{"value":8.5e8,"tag":"measured"},"sramBytesPerPe":65536}';
    const numbers = waferNumbers(parseWafer(text, 'mine.json'));
    expect(numbers.clockHz).toBe(8.5e8);
    expect(numbers.sramBytesPerPe).toBe(65536);
    expect(numbers.fabricRows).toBe(1172);
  });

  it('shrinks the usable part with the fabric', () => {
    const numbers = waferNumbers(parseWafer('{"name":"mine","fabricColumns":8,"fabricRows":4}', 'mine.json'));
    expect([numbers.usableColumns, numbers.usableRows]).toEqual([8, 4]);
  });

  it.each([
    ['', /JSON/],
    ['[1]', /one JSON object/],
    ['{"name":"UP"}', /name/],
    ['{"name":"a","base":"nope"}', /wse-2/],
    ['{"name":"a","clokHz":1}', /unknown key "clokHz"/],
    ['{"name":"a","clockHz":-1}', /clockHz.*-1/],
    ['{"name":"a","colors":25}', /from 1 to 24/],
    ['{"name":"a","colors":2.5}', /whole number/],
    ['{"name":"a","sramBytesPerPe":null}', /null/],
    ['{"name":"a","sramBytesPerPe":2048}', /reservedBytesPerPe/],
    ['{"name":"a","usableColumns":900}', /at most fabricColumns, 757/],
    ['{"name":"a","inputQueueWords":[0]}', /depths/],
    ['{"name":"a","kind":"gpu"}', /"wafer"/],
  ])('%s is refused with a typed error', (text, message) => {
    expect(() => parseWafer(text, 'mine.json')).toThrow(MachineError);
    expect(() => parseWafer(text, 'mine.json')).toThrow(message);
  });
});
