/** `waferflow machines`: the wafers and GPUs that `plan` and `capacity` know, with what decides most. */
import type { Command } from 'commander';
import { formatBytes } from '../core/units.js';
import { GPUS } from '../machine/gpus.js';
import { waferPrice } from '../machine/prices.js';
import { WAFERS } from '../machine/wafers.js';
import { formatNumber, formatTable, printJson } from './output.js';

interface Listed {
  readonly machine: string;
  readonly title: string;
  readonly kind: 'wafer' | 'gpu';
  readonly memoryBytes: number;
  readonly memoryBytesPerSecond: number;
  readonly flops16: number;
  readonly watts: number;
  readonly dollarsPerHour: number;
  readonly priceTag: string;
}

export function registerMachines(program: Command): void {
  program
    .command('machines')
    .description('the wafers and GPUs that plan and capacity know; a JSON file may describe another')
    .option('--json', 'print one JSON document on stdout')
    .addHelpText(
      'after',
      '\nA machine of one’s own starts from a known one: {"kind": "gpu", "name": "mine", "base": "h100", "memoryBytes": 9e10}\n\nExamples:\n  $ waferflow machines\n  $ waferflow plan --model llama-3.1-8b --machine h200',
    )
    .action(({ json }: { readonly json?: boolean }) => {
      const machines = listed();
      if (json) printJson({ machines });
      else console.log(tableOf(machines));
    });
}

function listed(): Listed[] {
  const wafers = WAFERS.map(({ name, title, facts }): Listed => {
    const pes = facts.usableColumns.value * facts.usableRows.value;
    const price = waferPrice(name);
    return {
      machine: name,
      title,
      kind: 'wafer',
      memoryBytes: pes * facts.sramBytesPerPe.value,
      memoryBytesPerSecond: pes * facts.clockHz.value * facts.sramReadBytesPerCycle.value,
      flops16: (2 * pes * facts.clockHz.value) / facts.cyclesPerMacF16.value,
      watts: facts.powerWatts.value,
      dollarsPerHour: price.value,
      priceTag: price.tag,
    };
  });
  const gpus = GPUS.map(
    ({ name, title, facts }): Listed => ({
      machine: name,
      title,
      kind: 'gpu',
      memoryBytes: facts.memoryBytes.value,
      memoryBytesPerSecond: facts.memoryBytesPerSecond.value,
      flops16: facts.flops16.value,
      watts: facts.systemWatts.value,
      dollarsPerHour: facts.dollarsPerHour.value,
      priceTag: facts.dollarsPerHour.tag,
    }),
  );
  return [...wafers, ...gpus];
}

function tableOf(machines: readonly Listed[]): string {
  return formatTable(
    ['machine', 'what it is', '>memory', '>TB/s', '>TFLOPS, 16 bit', '>W', '>$/h', 'price'],
    machines.map((one) => [
      one.machine,
      one.title,
      formatBytes(one.memoryBytes),
      formatNumber(one.memoryBytesPerSecond / 1e12),
      formatNumber(one.flops16 / 1e12),
      formatNumber(one.watts),
      formatNumber(one.dollarsPerHour),
      one.priceTag,
    ]),
  );
}
