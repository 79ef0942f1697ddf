/** A vector operation under way: what the run keeps of it, and what an error tells of it. */
import type { Color, Pe, Pending } from '../pe.js';
import type { FoldCode } from './core.js';

/** A vector operation on its microthread. */
export interface ActiveOp {
  readonly pe: Pe;
  readonly input: Color | null;
  readonly output: Color | null;
  readonly fold: FoldCode;
  readonly store: boolean;
  readonly words: number;
  /** Name of the buffer it walks over. */
  readonly buffer: string;
  readonly pending: Pending;
  readonly startCycle: number;
}
