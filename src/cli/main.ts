#!/usr/bin/env node
/** The `waferflow` binary: registers the commands and turns what they throw into messages and exit codes. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { OptionError, WaferflowError } from '../core/errors.js';
import { registerBench } from './bench.js';
import { registerCapacity } from './capacity.js';
import { registerChat } from './chat.js';
import { registerDoctor } from './doctor.js';
import { registerFabric } from './fabric.js';
import { INTERRUPTED_EXIT_CODE, Interrupted } from './interrupt.js';
import { registerKeys } from './keys.js';
import { registerModels } from './models.js';
import { registerPlan } from './plan.js';
import { registerRun } from './run.js';
import { registerScore } from './score.js';
import { registerServe } from './serve.js';
import { registerUi } from './ui.js';
import { registerValidate } from './validate.js';
import { registerWorker } from './worker.js';

const { version, bugs } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
) as { version: string; bugs?: { url: string } };

const program = new Command('waferflow')
  .description(
    'Run small language models the way a wafer would, and see what a wafer would do with big ones.',
  )
  .version(version)
  .exitOverride()
  .showHelpAfterError('Add --help to see what the command takes.');

registerRun(program);
registerChat(program);
registerScore(program);
registerModels(program);
registerFabric(program);
registerDoctor(program);
registerBench(program);
registerPlan(program);
registerValidate(program);
registerCapacity(program);
registerWorker(program);
registerServe(program);
registerKeys(program);
registerUi(program);

/** Says what went wrong, on stderr, and returns the exit code: 1 failed, 2 bad usage, 130 interrupted. */
function report(thrown: unknown): number {
  if (thrown instanceof Interrupted) return INTERRUPTED_EXIT_CODE;
  // Commander has printed its message already; help and version that were asked for are no failure.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
  if (thrown instanceof WaferflowError) {
    console.error(`waferflow: ${thrown.message}`);
    return thrown instanceof OptionError ? 2 : 1;
  }
  const message = (thrown instanceof Error ? thrown.message : String(thrown)).split('\n', 1)[0];
  const where = bugs ? ` at ${bugs.url}` : '';
  console.error(
    `waferflow: internal error: ${message}. Run it again with WAFERFLOW_DEBUG=1 and report it${where}.`,
  );
  if (process.env.WAFERFLOW_DEBUG === '1' && thrown instanceof Error) console.error(thrown.stack);
  return 1;
}

// A reader such as `head` that has seen enough is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.exit(report(error));
});

try {
  await program.parseAsync();
} catch (thrown) {
  process.exitCode = report(thrown);
}
