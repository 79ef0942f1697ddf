/** The conformance table: every kernel, weight type and shape on every build against the float64 reference. */
import { describe, expect, it } from 'vitest';
import { machines } from '../helpers/kernels.js';
import { type Case, defects } from './case.js';
import { elementCases } from './elements.case.js';
import { expertCases } from './experts.case.js';
import { matrixCases } from './matrices.case.js';
import { stateCases } from './states.case.js';
import { vectorCases } from './vectors.case.js';

const cases: readonly Case[] = [
  ...matrixCases,
  ...vectorCases,
  ...stateCases,
  ...elementCases,
  ...expertCases,
];

describe.each(cases)('$kernel $shape', (of) => {
  it.each(machines)('conforms on $build', (machine) => {
    machine.reset();
    expect(defects(of, machine, of.run(machine))).toEqual([]);
  });
});

describe.skipIf(machines.length < 2)('the builds', () => {
  it.each(cases)('give the same bits in $kernel $shape', (of) => {
    const [plain, ...others] = machines.map((machine) => {
      machine.reset();
      return of.run(machine).map(({ actual }) => actual);
    });
    for (const [i, other] of others.entries()) expect(other, machines[i + 1]!.build).toEqual(plain);
  });
});
