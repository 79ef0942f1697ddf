/** `waferflow/fabric`: mesh programs on the cycle-level wafer. */
export * from '../../src/fabric/index.js';
