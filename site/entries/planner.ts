/** `waferflow/planner`: what wafers and GPUs would take, in closed form. */
export * from '../../src/timing/index.js';
