/** The block cache against a plain list. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PrefixCache } from '#src/fleet/replica/prefix-cache.js';

describe('PrefixCache', () => {
  it('behaves as a list of blocks in the order in which they were last held', () => {
    const step = fc.record({
      op: fc.constantFrom('take', 'drop', 'evict'),
      block: fc.integer({ min: -20, max: 2000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 3000 }), (steps) => {
        const cache = new PrefixCache();
        const held = new Map<number, number>();
        const idle: number[] = [];
        for (const { op, block } of steps) {
          if (op === 'take') {
            const isHere = held.has(block) || idle.includes(block);
            expect(cache.hold(block)).toBe(isHere);
            if (!isHere) cache.add(block);
            if (idle.includes(block)) idle.splice(idle.indexOf(block), 1);
            held.set(block, (held.get(block) ?? 0) + 1);
          } else if (op === 'drop' && held.has(block)) {
            cache.drop(block);
            const left = held.get(block)! - 1;
            if (left > 0) held.set(block, left);
            else {
              held.delete(block);
              idle.push(block);
            }
          } else if (op === 'evict') {
            expect(cache.evict()).toBe(idle.length > 0);
            const gone = idle.shift();
            if (gone !== undefined) expect(cache.has(gone)).toBe(false);
          }
          expect(cache.size).toBe(held.size + idle.length);
          expect(cache.heldBlocks).toBe(held.size);
        }
        for (const block of [...held.keys(), ...idle]) expect(cache.has(block)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses to drop what nobody holds', () => {
    const cache = new PrefixCache();
    cache.add(1);
    cache.drop(1);
    expect(() => cache.drop(1)).toThrow('block 1');
    expect(() => cache.drop(2)).toThrow('block 2');
  });
});
