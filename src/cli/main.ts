#!/usr/bin/env node
/** The `waferflow` binary: loads the program, where a machine that cannot even do that is told of in words. */
import { beginLoading } from '../platform/node/v8-flags.js';
import { reportFailure } from './failure.js';

// Commands that load a model.
if (['run', 'chat', 'score', 'embed', 'serve'].includes(process.argv[2] ?? '')) beginLoading();

try {
  await import('./program.js');
} catch (thrown) {
  process.exitCode = reportFailure(thrown, null);
}
