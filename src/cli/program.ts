/** The program of the `waferflow` binary: registers the commands and turns what they throw into messages and exit codes. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { reportFailure } from './failure.js';

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

/**
 * What registers each command, in the order of the help. Half a thousand modules are behind them, which take a third of a
 * second to load: a command that is named is loaded alone.
 */
const commands: readonly (readonly [names: readonly string[], load: () => Promise<(to: Command) => void>])[] =
  [
    [['run'], async () => (await import('./run.js')).registerRun],
    [['chat'], async () => (await import('./chat.js')).registerChat],
    [['score'], async () => (await import('./score.js')).registerScore],
    [['embed'], async () => (await import('./embed.js')).registerEmbed],
    [['models', 'list', 'pull', 'cp', 'rm'], async () => (await import('./models.js')).registerModels],
    [['show', 'inspect'], async () => (await import('./show.js')).registerShow],
    [['ps', 'stop'], async () => (await import('./ps.js')).registerPs],
    [
      ['fabric'],
      async () => {
        const { registerFabric } = await import('./fabric.js');
        const { registerFabricModel } = await import('./fabric-model.js');
        return (to) => registerFabricModel(registerFabric(to));
      },
    ],
    [['doctor'], async () => (await import('./doctor.js')).registerDoctor],
    [['bench'], async () => (await import('./bench.js')).registerBench],
    [['eval'], async () => (await import('./eval.js')).registerEval],
    [['plan'], async () => (await import('./plan.js')).registerPlan],
    [['machines'], async () => (await import('./machines.js')).registerMachines],
    [['validate'], async () => (await import('./validate.js')).registerValidate],
    [['capacity'], async () => (await import('./capacity.js')).registerCapacity],
    [['calibrate'], async () => (await import('./calibrate.js')).registerCalibrate],
    [['worker'], async () => (await import('./worker.js')).registerWorker],
    [['serve'], async () => (await import('./serve.js')).registerServe],
    [['keys'], async () => (await import('./keys.js')).registerKeys],
    [['template'], async () => (await import('./template.js')).registerTemplate],
    [['tokenize'], async () => (await import('./tokenize.js')).registerTokenize],
    [['convert'], async () => (await import('./convert.js')).registerConvert],
    [['quantize'], async () => (await import('./convert.js')).registerQuantize],
    [['ui'], async () => (await import('./ui.js')).registerUi],
  ];
const named = commands.filter(([names]) => names.includes(process.argv[2] ?? ''));
for (const [, load] of named.length > 0 ? named : commands) (await load())(program);

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
