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
  /** One row of a padded tile in a MeshGEMM: loop iteration, two loads of descriptors, two increments, the map. */
  rowCycles: {
    value: 68,
    tag: 'fitted',
    source: `fitted to 6 prefill and 2 end-to-end rates of ${WAFERLLM}`,
  },
  /** MACs of a matrix-matrix step against those of a matrix-vector product: its vectors are a few elements long. */
  gemmMacFactor: {
    value: 1.176,
    tag: 'fitted',
    source: `0.686 cycles per MAC in prefill against 0.583, fitted to the rates of ${WAFERLLM}`,
  },
  /** Between two tokens: sampling, control, the token's way out. Experts' and dense models alike. */
  stepUs: {
    value: 100,
    tag: 'guessed',
    source:
      'chosen by eye, a round number beside public speeds per user of Llama-3.1-8B, Qwen3-32B and gpt-oss-120B',
  },
  /** A request's way from the client to the wafer and its first token's way back. */
  requestMs: {
    value: 80,
    tag: 'fitted',
    source: 'two first tokens of the public service, its network included: Llama-3.1-70B 170 ms, 405B 240 ms',
  },
} as const satisfies Readonly<Record<string, Constant>>;
