/** `waferflow fabric model`: a GGUF's tokens computed on the PEs of the cycle-level wafer, and what each op costs there. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { OptionError } from '../core/errors.js';
import { ggufSource } from '../fabric/model/gguf-source.js';
import { FabricModel } from '../fabric/model/model.js';
import { smallTensor } from '../fabric/model/source.js';
import { readGguf } from '../formats/gguf.js';
import { readModel } from '../formats/model-file.js';
import { bytesSource } from '../formats/source.js';
import { tensorType } from '../formats/tensor-types.js';
import { createTokenizer } from '../formats/tokenizer.js';
import { waferNumbers } from '../machine/wafers.js';
import { placeOnRectangle } from '../placement/place.js';
import type { PlacedOp } from '../placement/plan.js';
import { kernelBuilds } from '../platform/node/load.js';
import { resolveModel } from '../platform/node/models.js';
import { kernelAngles } from '../runtime/program/rope.js';
import { type FabricFlags, machineOf } from './fabric.js';
import { parseCount } from './options.js';
import { formatNumber, formatTable, printJson } from './output.js';

interface ModelFlags extends Pick<FabricFlags, 'pes' | 'machine' | 'core' | 'json'> {
  readonly tokens: number;
}

interface OpCost {
  readonly op: string;
  readonly times: number;
  readonly cycles: number;
}

export function registerFabricModel(fabric: Command): void {
  fabric
    .command('model')
    .description('continue a prompt with a model whose every op runs on PEs, token by token')
    .argument('<model>', 'GGUF file or name from `waferflow models`')
    .argument('<prompt>', 'the text to continue')
    .option('-n, --tokens <n>', 'tokens to add', parseCount, 4)
    .addHelpText(
      'after',
      '\n--pes, --machine, --core and --json are those of `waferflow fabric`.\n\nExample:\n  waferflow fabric model glint "const x" --pes 20x20 --tokens 3',
    )
    .action((model: string, prompt: string, _: unknown, command: Command) =>
      runModel(model, prompt, command.optsWithGlobals<ModelFlags>()),
    );
}

async function runModel(name: string, prompt: string, flags: ModelFlags): Promise<void> {
  const machine = machineOf(flags.machine);
  const bytes = new Uint8Array(readFileSync(resolveModel(name)));
  const file = await readGguf(bytesSource(bytes));
  const { model, tensors } = readModel(file);
  const tokenizer = createTokenizer(file);
  const ids = [...tokenizer.encode(prompt)];
  if (ids.length === 0) {
    throw new OptionError({
      what: 'prompt',
      given: JSON.stringify(prompt),
      expected: 'a text of at least one token',
      todo: 'Give a longer one.',
    });
  }
  const plan = placeOnRectangle(
    model,
    flags.pes,
    (tensor) => tensorType(tensors.get(tensor)!.type).blockElements,
  );
  const context = ids.length + flags.tokens;
  const source = ggufSource(bytes, tensors);
  const kernels = await WebAssembly.compile(await kernelBuilds.read('simd'));
  const angles = kernelAngles(kernels, context, (ref) => smallTensor(source, ref));
  const fabric = new FabricModel(machine, plan, { ...source, angles }, context);
  const start = performance.now();
  const steps: { readonly id: number; readonly cycles: number }[] = [];
  const opCycles = new Float64Array(plan.ops.length);
  let hops = 0;
  for (let position = 0; position + 1 < context; position++) {
    const step = fabric.step(ids[position]!, { core: flags.core });
    steps.push({ id: ids[position]!, cycles: step.run.cycles });
    hops += step.run.hops;
    for (const [op, cycles] of step.opCycles.entries()) opCycles[op]! += cycles;
    if (position + 1 === ids.length) ids.push(greatest(step.logits));
  }
  const wallMs = performance.now() - start;
  const added = ids.slice(-flags.tokens);
  const ops = costs(plan.ops, opCycles);
  const cycles = steps.reduce((sum, step) => sum + step.cycles, 0);
  const { clockHz } = waferNumbers(machine);
  const report = {
    model: name,
    machine: machine.name,
    pes: `${flags.pes.width}x${flags.pes.height}`,
    text: tokenizer.decode(added),
    ids: added,
    steps: steps.length,
    cycles,
    cyclesPerStep: cycles / steps.length,
    hops,
    sramHighWaterBytes: fabric.mesh.sramHighWaterBytes,
    ops,
    measured: { wallMs },
  };
  if (flags.json === true) return printJson(report);
  const rows = ops.map(({ op, times, cycles: own }) => [
    op,
    String(times),
    formatNumber(own / steps.length),
    `${((100 * own) / cycles).toFixed(1)} %`,
  ]);
  console.log(`${prompt}${report.text}\n`);
  console.log(
    `${report.model} on ${report.pes} PEs of ${report.machine}: ${formatNumber(report.cyclesPerStep)} cycles a token, ${formatNumber((report.cyclesPerStep / clockHz) * 1e6)} µs at ${clockHz / 1e9} GHz; ${steps.length} tokens simulated in ${formatNumber(wallMs)} ms`,
  );
  console.log(formatTable(['op', 'of a token', 'cycles a token', 'share'], rows));
}

function greatest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}

/** Costs of ops that are the same but for their layer, the dearest first. */
function costs(ops: readonly PlacedOp[], cycles: Float64Array): OpCost[] {
  const sums = new Map<string, { times: number; cycles: number }>();
  for (const [i, op] of ops.entries()) {
    const weights =
      op.kind === 'linear' ? op.weights.map(({ name }) => name.replace(/^blk\.\d+\.|\.weight$/g, '')) : [];
    const name = [op.kind, ...weights].join(' ');
    const sum = sums.get(name) ?? { times: 0, cycles: 0 };
    sums.set(name, { times: sum.times + 1, cycles: sum.cycles + cycles[i]! });
  }
  return [...sums].map(([op, sum]) => ({ op, ...sum })).sort((a, b) => b.cycles - a.cycles);
}
