/**
 * A habit of fuzzing: every target is a property over inputs. `npm test` runs each on a few hundred inputs of a fixed
 * seed and on all that ever failed (cases/); `npm run fuzz` draws new ones for minutes, and `FUZZ_HOURS=8` for longer.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const cases = fileURLToPath(new URL('cases/', import.meta.url));
const hours = Number(process.env.FUZZ_HOURS ?? 0);
/** How many there are, in all files. */
const targets = 9;
/** Time of each target in a long run; 0 for the fixed inputs of the tests. */
const budgetMs = hours > 0 ? (hours * 3_600_000) / targets : 0;
/** Inputs that nobody has to wait for. */
const fewRuns = 150;
/** An input that takes so long has found something, however it ends. */
const slowMs = 1_000;

/**
 * Holds `check` for inputs drawn from `input`, which JSON can say, so that a failure is kept as a file. `share` is of the
 * few runs of the tests, for targets whose inputs take long.
 */
export function target<T>(
  name: string,
  input: fc.Arbitrary<T>,
  check: (value: T) => void | Promise<void>,
  share = 1,
): void {
  const timed = async (value: T): Promise<void> => {
    const before = process.cpuUsage();
    await check(value);
    // Of the processor: a busy machine makes every input slow by the clock.
    const { user, system } = process.cpuUsage(before);
    if (budgetMs > 0) expect((user + system) / 1000, 'milliseconds of one input').toBeLessThan(slowMs);
  };
  const folder = join(cases, name);
  const kept = existsSync(folder) ? readdirSync(folder) : [];
  it.each(kept)(`${name}: %s, which once failed`, async (file) => {
    await timed(JSON.parse(readFileSync(join(folder, file), 'utf8')) as T);
  });
  it(
    name,
    async () => {
      const end = performance.now() + budgetMs;
      const bytesBefore = heldBytes();
      let inputs = 0;
      let seed = budgetMs > 0 ? Date.now() % 2 ** 31 : 1;
      do {
        const result = await fc.check(fc.asyncProperty(input, timed), {
          seed,
          numRuns: Math.ceil(fewRuns * share),
          ...(budgetMs > 0 && { interruptAfterTimeLimit: Math.max(1, end - performance.now()) }),
        });
        inputs += result.numRuns;
        // Time that ran out before the first input is no failure.
        if (result.failed && result.counterexample !== null) {
          keep(folder, seed, result.counterexample?.[0]);
          throw new Error(fc.defaultReportMessage(result));
        }
        seed += 1;
      } while (performance.now() < end);
      if (budgetMs === 0) return;
      const mebibytes = [bytesBefore, heldBytes()].map((bytes) => Math.round(bytes / 2 ** 20));
      process.stdout.write(`${name}: ${inputs} inputs, memory ${mebibytes.join(' to ')} MiB\n`);
    },
    budgetMs + 300_000,
  );
}

/** Of this process, when nothing is left to collect where that can be asked for. */
function heldBytes(): number {
  (globalThis as { gc?: () => void }).gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Where a failure can be run again from; only in a long run, whose finds are to become tests. */
function keep(folder: string, seed: number, value: unknown): void {
  if (budgetMs === 0 || value === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${seed}.json`), `${JSON.stringify(value, null, 1)}\n`);
}
