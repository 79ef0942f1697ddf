/** Everything the kernels module exports. */
export { activation } from './activation/wasm';
export { argmax, logSumExp } from './argmax/wasm';
export { attention, attentionOfRun } from './attention/wasm';
export { readBandwidth } from './bandwidth/wasm';
export { conv } from './conv/wasm';
export { kvAppend, pageBytes } from './kv/wasm';
export { layernorm } from './layernorm/wasm';
export { linearAttention } from './linear-attention/wasm';
export { attach, serve, step } from './program/wasm';
export { quantize, quantizedBytes } from './quantize/wasm';
export { groupBytes, matmul, matvec, pack, place, row as embedding } from './quants/dispatch';
export { decoded } from './quants/wasm';
export { residual } from './residual/wasm';
export { rmsnorm } from './rmsnorm/wasm';
export { rope, ropeHalves, ropeLlama3Factors, ropeTable, ropeYarnFactors } from './rope/wasm';
export { scan } from './scan/wasm';
export { shift } from './shift/wasm';
export { wkv } from './wkv/wasm';
