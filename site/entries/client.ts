/** `waferflow/client`: the client of a waferflow server. */
export * from '../../src/client/index.js';
