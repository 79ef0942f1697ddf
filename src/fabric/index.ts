/** `waferflow/fabric`: what a mesh program is written with, and what runs, traces and checks it. */
export { MachineError, OptionError } from '../core/errors.js';
export { Rng } from '../core/rng.js';
export { parseWafer } from '../machine/custom.js';
export { findWafer, WAFERS, type WaferMachine, type WaferNumbers, waferNumbers } from '../machine/wafers.js';
export * from './collectives/allreduce.js';
export * from './collectives/line.js';
export * from './collectives/reduce.js';
export * from './collectives/shift.js';
export { MARK, type Mark } from './cores/core.js';
export type { Point, Port } from './geometry.js';
export { elementWork, matmulWork, matvecWork } from './local/work.js';
export { Mesh, type Route, type RouteShape } from './mesh.js';
export {
  Buffer,
  type Color,
  type ElementType,
  type FoldName,
  Pe,
  Pending,
  type Program,
  type View,
  type Work,
} from './pe.js';
export { findProgram, PROGRAMS } from './programs/index.js';
export {
  type FabricProgram,
  fillRandom,
  largestDifference,
  type NumberType,
  type OwnProgram,
  type ProgramSize,
  worstOf,
} from './programs/program.js';
export type { FabricResult } from './result.js';
export { type SimulateOptions, simulate as simulateMesh } from './simulate.js';
export { Recorder, type Watch } from './trace.js';
