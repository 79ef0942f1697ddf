/** Every mesh program that can be run by name. */
import { OptionError } from '../../core/errors.js';
import { COLLECTIVES } from './collectives.js';
import { DECODE_LAYER } from './decode.js';
import { SHIFTED_GEMMS } from './gemm.js';
import { GEMM_T } from './gemmt.js';
import { GEMVS } from './gemv.js';
import { MOVES } from './moves.js';
import { PREFILL_LAYER } from './prefill.js';
import type { FabricProgram } from './program.js';
import { SUMMA } from './summa.js';

export type { FabricProgram, NumberType, Prepared, ProgramSize } from './program.js';

export const PROGRAMS: readonly FabricProgram[] = [
  ...COLLECTIVES,
  ...GEMVS,
  SUMMA,
  ...SHIFTED_GEMMS,
  GEMM_T,
  ...MOVES,
  DECODE_LAYER,
  PREFILL_LAYER,
];

/** The program of that name; `OptionError` with the known names otherwise. */
export function findProgram(name: string): FabricProgram {
  const program = PROGRAMS.find((each) => each.name === name);
  if (program !== undefined) return program;
  throw new OptionError({
    what: 'mesh program',
    given: JSON.stringify(name),
    expected: `one of ${PROGRAMS.map((each) => each.name).join(', ')}`,
    todo: 'Choose one of them; `waferflow fabric list` says what they do.',
  });
}
