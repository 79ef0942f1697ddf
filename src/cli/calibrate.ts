/** `waferflow calibrate`: a machine file from what a server was measured to do. */
import { totalmem } from 'node:os';
import type { Command } from 'commander';
import { calibrate } from '../fleet/calibrate.js';
import { pointsOf } from '../load/sweep.js';
import { resolveCard } from '../platform/node/cards.js';
import { writeFileAtomic } from '../platform/node/write-file.js';
import { parseCount } from './options.js';
import { printJson } from './output.js';
import { readSweep, replayText } from './replay.js';

interface CalibrateFlags {
  readonly model?: string;
  readonly out?: string;
  readonly name: string;
  readonly memory?: number;
  readonly chunk: number;
  readonly running: number;
  readonly json?: boolean;
}

export function registerCalibrate(program: Command): void {
  program
    .command('calibrate <sweep.json>')
    .description('a machine file from a measured sweep, for plan and capacity')
    .option(
      '-m, --model <name|path>',
      'what was served: a card, config.json or GGUF file (default: the embedded model)',
    )
    .option('-o, --out <file>', 'write the machine file')
    .option('--name <name>', 'of the machine', 'this-host')
    .option('--memory <GiB>', 'of the machine (default: of this one)', parseCount)
    .option('--chunk <tokens>', 'prompt tokens that a step of the server takes at most', parseCount, 64)
    .option('--running <n>', 'requests that the server runs at once, as its --max-running', parseCount, 8)
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nExamples:\n  $ waferflow bench serve --sweep 1,4,16 --prompt-tokens 128 --output-tokens 64 --json > sweep.json\n  $ waferflow calibrate sweep.json -o here.json\n  $ waferflow capacity --machine here.json --replay sweep.json',
    )
    .action(async (file: string, flags: CalibrateFlags) => {
      const sweep = readSweep(file);
      const { url, date, model } = sweep;
      const result = calibrate({
        name: flags.name,
        title: `${flags.name}, as ${url} was measured`,
        card: await resolveCard(flags.model),
        points: pointsOf(sweep),
        memoryBytes: flags.memory === undefined ? totalmem() : flags.memory * 2 ** 30,
        chunkTokens: flags.chunk,
        maxRunning: flags.running,
        source: `${model} at ${url}, ${date}, ${sweep.points.map((point) => point.concurrency).join(', ')} users`,
      });
      if (flags.out !== undefined) await writeFileAtomic(flags.out, result.file);
      if (flags.json) printJson({ machine: JSON.parse(result.file), points: result.points });
      else
        console.log(
          `${flags.out === undefined ? result.file : `Wrote ${flags.out}`}\n\nMeasured, and simulated on this machine (fitted to these very points):\n${replayText(result.points)}`,
        );
    });
}
