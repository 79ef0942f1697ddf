/** Everything the kernels module exports. */
export { activation } from './activation/wasm';
export { argmax, logSumExp } from './argmax/wasm';
export { attention, attentionOfRun } from './attention/wasm';
export { readBandwidth } from './bandwidth/wasm';
export { embedding } from './embedding/wasm';
export { kvAppend, pageBytes } from './kv/wasm';
export { layernorm } from './layernorm/wasm';
export { matmul } from './matmul/wasm';
export { groupBytes, matvec } from './matvec/wasm';
export { pack16, pack32, packQ4_0, packQ8_0 } from './pack/wasm';
export { attach, serve, step } from './program/wasm';
export { quantize, quantizedBytes } from './quantize/wasm';
export { residual } from './residual/wasm';
export { rmsnorm } from './rmsnorm/wasm';
export { rope, ropeHalves, ropeLlama3Factors, ropeTable, ropeYarnFactors } from './rope/wasm';
export { swiglu } from './swiglu/wasm';
