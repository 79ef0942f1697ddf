/** Rows of public GPU serving measurements as the GPU model is asked for them, whatever a file calls its columns. */
import type { CsvRow } from '../../core/csv.js';
import { OptionError } from '../../core/errors.js';
import { GPUS, type GpuMachine } from '../../machine/gpus.js';
import { plain } from '../../machine/types.js';
import type { EngineName } from '../gpu/constants.js';
import { type GpuRow, HARNESSES, type Harness, likelyHarness } from '../gpu/rows.js';
import type { GpuNumbers } from '../gpu/step.js';

/** A measured row; lengths stand under `isl` and `osl`, or under `prompt` and `output`. */
export function servingRowOf(row: CsvRow): GpuRow {
  const model = row.text('model');
  const tensorParallel = row.number('tp', 1);
  const said = {
    precision: precisionOf(row.text('precision')),
    engine: engineOf(row.text('engine')),
    promptTokens: row.text('isl') === '' ? row.number('prompt') : row.number('isl'),
    outputTokens: row.text('osl') === '' ? row.number('output') : row.number('osl'),
  };
  const kvBits = row.text('kv_bits') === '' ? row.number('kv', 0) : row.number('kv_bits');
  return {
    ...said,
    concurrency: row.number('concurrency'),
    tensorParallel,
    expertTensorParallel: row.number('moe_tp', tensorParallel),
    expertParallel: row.number('moe_ep', 1),
    kvBits: kvBits > 0 ? kvBits : publishedKvBits(row),
    harness: harnessOf(row) ?? likelyHarness(said, model),
    ttftMs: row.number('ttft_ms', 0),
    tpotMs: row.number('tpot_ms', 0),
  };
}

/** Public sets whose files leave the cache's width out, by patterns of their columns. */
const KV_BITS: readonly {
  readonly model: RegExp;
  readonly gpu: RegExp;
  readonly engine: RegExp;
  readonly bits: number;
  readonly source: string;
}[] = [
  {
    model: /^nvidia\/.*fp8/i,
    gpu: /./,
    engine: /./,
    bits: 8,
    source: 'kv_cache_quant_algo in hf_quant_config.json of these checkpoints',
  },
  {
    model: /llama.*70b/i,
    gpu: /h200/i,
    engine: /vllm/i,
    bits: 8,
    source: 'kv-cache-dtype: fp8 in InferenceX benchmarks/70b_fp8_h200_slurm.sh',
  },
];

function publishedKvBits(row: CsvRow): number | null {
  if (precisionOf(row.text('precision')) === 'bf16') return null;
  const set = KV_BITS.find(
    ({ model, gpu, engine }) =>
      model.test(row.text('model')) &&
      gpu.test(row.text('gpu') || row.text('machine')) &&
      engine.test(row.text('engine')),
  );
  return set?.bits ?? null;
}

function harnessOf(row: CsvRow): Harness | null {
  const said = row.text('harness');
  if (said === '') return null;
  const harness = HARNESSES.find((name) => name === said);
  if (harness) return harness;
  throw new OptionError({
    what: `line ${row.line}, harness`,
    given: JSON.stringify(said),
    expected: HARNESSES.join(', '),
    todo: 'Correct the row, or leave the cell empty.',
  });
}

export function gpuNumbersOf(machine: GpuMachine): GpuNumbers {
  return { ...plain(machine.facts), nativeBits: machine.nativeBits };
}

/** `H100`, `h100_sxm`, `NVIDIA H100 80GB`: the longest known name that occurs in it. */
export function gpuNamed(name: string): GpuMachine | undefined {
  const words = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  return GPUS.filter(
    (gpu) =>
      words.split('-').includes(gpu.name) || words.includes(`-${gpu.name}`) || words.startsWith(gpu.name),
  ).toSorted((a, b) => b.name.length - a.name.length)[0];
}

function precisionOf(text: string): GpuRow['precision'] {
  if (/4/.test(text)) return 'fp4';
  return /8/.test(text) ? 'fp8' : 'bf16';
}

export function engineOf(text: string): EngineName {
  if (/trt|tensorrt/i.test(text)) return 'trtllm';
  return /sglang/i.test(text) ? 'sglang' : 'vllm';
}
