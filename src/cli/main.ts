#!/usr/bin/env node
/** The `waferflow` binary: loads the program, where a machine that cannot even do that is told of in words. */
import { reportFailure } from './failure.js';

try {
  await import('./program.js');
} catch (thrown) {
  process.exitCode = reportFailure(thrown, null);
}
