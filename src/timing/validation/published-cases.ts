/** A handful of published measurements that `waferflow validate` runs without files, in the columns of such files. */

/** He et al., "WaferLLM: Large Language Model Inference at Wafer Scale", OSDI 2025, tables of prefill and decode. */
export const PUBLISHED_WAFER_CASES = `source,kind,machine,clock_ghz,model,hidden,intermediate,layers,kv_full_width,prefill_grid,decode_grid,prompt,output,metric,published
WaferLLM OSDI25,prefill,wse-2,1.1,LLaMA3-8B,4096,14336,32,1,480,,4096,,tokens_per_second,20320.6
WaferLLM OSDI25,prefill,wse-2,1.1,LLaMA3-8B,4096,14336,32,1,720,,4096,,tokens_per_second,27686.5
WaferLLM OSDI25,prefill,wse-2,1.1,QWen2-72B,8192,29568,80,1,600,,4096,,tokens_per_second,3775.5
WaferLLM OSDI25,decode,wse-2,1.1,LLaMA3-8B,4096,14336,32,1,,420,4096,,tokens_per_second,2699.9
WaferLLM OSDI25,decode,wse-2,1.1,LLaMA3-8B,4096,14336,32,1,,660,4096,,tokens_per_second,2243.3
WaferLLM OSDI25,decode,wse-2,1.1,CodeLLaMA-34B,8192,22016,48,1,,540,4096,,tokens_per_second,1407.7
WaferLLM OSDI25,end_to_end,wse-2,1.1,LLaMA3-8B,4096,14336,32,1,660,360,2048,128,tokens_per_second,764.4
`;

/** Serving measurements published with ai-dynamo/aiconfigurator (Apache-2.0): TensorRT-LLM on H100, bf16. */
export const PUBLISHED_GPU_CASES = `model,gpu,precision,engine,isl,osl,concurrency,tp,moe_tp,moe_ep,ttft_ms,tpot_ms
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,1024,512,32,1,1,1,226,9.88
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,1024,512,128,1,1,1,364,19.26
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,4096,512,32,1,1,1,635,18.15
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,4096,512,64,1,1,1,706,30.09
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,4096,512,32,4,1,1,229,7.45
meta-llama/Llama-3.1-8B-Instruct,H100,bf16,trtllm,4096,512,64,4,1,1,261,11.25
`;
