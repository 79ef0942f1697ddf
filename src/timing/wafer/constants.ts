/** What kernels on a wafer cost beside the machine's own numbers: few constants, each with a physical reading. */
import type { Constant } from '../../core/provenance.js';

const WAFERLLM = 'He et al., WaferLLM, OSDI 2025, WSE-2 at 1.1 GHz';

export const WAFER_CONSTANTS = {
  /** One op that ends in an all-reduce: starting its tasks, setting up descriptors, the local loop's frame. */
  opCycles: { value: 393, tag: 'fitted', source: `fitted to 6 published decode rates of ${WAFERLLM}` },
  /** At each stage of a K-tree, beside ramps and the adds themselves: waking the task, moving the descriptor. */
  stageTaskCycles: { value: 6, tag: 'fitted', source: `fitted to 6 published decode rates of ${WAFERLLM}` },
  /** Wavelets that a stage adds per cycle: 2 f16 per wavelet, one wavelet per cycle through the ramp. */
  addsPerCycle: {
    value: 1,
    tag: 'published',
    source: 'Cerebras SDK documentation: one wavelet per cycle and direction',
  },
  /** One of the P compute-shift steps of a MeshGEMM: two hops, two ramps, switching buffers. */
  shiftStepCycles: {
    value: 48,
    tag: 'fitted',
    source: `fitted to 6 prefill and 2 end-to-end rates of ${WAFERLLM}`,
  },
  /** One row of a tile inside such a step: loop iteration, loading the scalar, issuing the vector. */
  rowCycles: {
    value: 66.5,
    tag: 'fitted',
    source: `fitted to 6 prefill and 2 end-to-end rates of ${WAFERLLM}`,
  },
  /** MACs of a matrix-matrix step against those of a matrix-vector product: its vectors are a few elements long. */
  gemmMacFactor: {
    value: 1.257,
    tag: 'fitted',
    source: `0.733 cycles per MAC in prefill against 0.583, fitted to the rates of ${WAFERLLM}`,
  },
  /** A request's way from the client to the wafer and its first token's way back. */
  requestMs: { value: 30, tag: 'guessed', source: 'as measured for serving engines on GPUs' },
} as const satisfies Readonly<Record<string, Constant>>;
