/** The program of the `waferflow` binary: registers the commands and turns what they throw into messages and exit codes. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { registerBench } from './bench.js';
import { registerCapacity } from './capacity.js';
import { registerChat } from './chat.js';
import { registerConvert, registerQuantize } from './convert.js';
import { registerDoctor } from './doctor.js';
import { registerEmbed } from './embed.js';
import { registerEval } from './eval.js';
import { registerFabric } from './fabric.js';
import { reportFailure } from './failure.js';
import { registerKeys } from './keys.js';
import { registerMachines } from './machines.js';
import { registerModels } from './models.js';
import { registerPlan } from './plan.js';
import { registerPs } from './ps.js';
import { registerRun } from './run.js';
import { registerScore } from './score.js';
import { registerServe } from './serve.js';
import { registerShow } from './show.js';
import { registerTemplate } from './template.js';
import { registerTokenize } from './tokenize.js';
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
registerEmbed(program);
registerModels(program);
registerShow(program);
registerPs(program);
registerFabric(program);
registerDoctor(program);
registerBench(program);
registerEval(program);
registerPlan(program);
registerMachines(program);
registerValidate(program);
registerCapacity(program);
registerWorker(program);
registerServe(program);
registerKeys(program);
registerTemplate(program);
registerTokenize(program);
registerConvert(program);
registerQuantize(program);
registerUi(program);

/** The command whose action runs, for the names of its flags. */
let running: Command | null = null;
program.hook('preAction', (_, action) => {
  running = action;
});
const report = (thrown: unknown): number => reportFailure(thrown, running, bugs?.url);

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
