/** `waferflow/server`: a server in one's own process. */
export * from '../../src/server/serve.js';
