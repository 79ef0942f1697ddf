// llama.cpp's word on the exported file: the ids of some texts, and greedy continuations of some prompts.
//   npm install --no-save node-llama-cpp@3.22.1 && node llama-cpp.mjs [MODEL.gguf] < texts.jsonl
// One JSON string per line in, one {"tokens", "ids", "text"} per line out: tokens of the text, ids generated after it.
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'

const COUNT = 64
const llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.error })
const model = await llama.loadModel({ modelPath: process.argv[2] ?? join(import.meta.dirname, '..', 'glint-q8_0.gguf') })
const context = await model.createContext({ contextSize: 512, threads: 2 })
for await (const line of createInterface({ input: process.stdin })) {
  const tokens = model.tokenize(JSON.parse(line), false)
  const sequence = context.getSequence()
  const ids = []
  for await (const id of sequence.evaluate([model.tokens.bos, ...tokens], { temperature: 0 })) {
    if (ids.push(id) >= COUNT) break
  }
  console.log(JSON.stringify({ tokens, ids, text: model.detokenize(ids) }))
  await sequence.dispose()
}
process.exit(0)
