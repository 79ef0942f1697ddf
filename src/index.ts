/** The public API of waferflow: re-exports only. */
import { EngineError } from './core/errors.js';
import type { Engine, LoadOptions } from './runtime/types.js';

export * from './core/errors.js';
export type * from './runtime/types.js';

/** Takes the place of the engine until src/runtime/engine.ts lands. */
export function load(_model: string, _options?: LoadOptions): Promise<Engine> {
  return Promise.reject(
    new EngineError({
      what: 'load',
      given: 'a call',
      expected: 'the engine, which is being built',
      todo: 'Wait.',
    }),
  );
}
