// Step 2. Learns the vocabulary from a sample of the corpus and writes the token streams.
//   node prepare.mjs [--work .work] [--vocabulary 4096] [--tokenizer FILE]
// Writes <work>/tokenizer.json (unless one is given), <work>/train.bin and <work>/val.bin (int16, little-endian).
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { makeTokenizer, PRE, trainBpe } from './tokenizer.mjs'

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: join(import.meta.dirname, '.work') },
    vocabulary: { type: 'string', default: '4096' },
    tokenizer: { type: 'string' },
  },
})
const FIM_SHARE = 0.3 // of the documents; such a document is cut into pieces and each piece rearranged
const VALIDATION_SHARE = 0.005
const SAMPLE_BYTES = 16e6

let state = 20250101
const random = () => { // mulberry32
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296
}

const documents = []
for await (const line of createInterface({ input: createReadStream(join(options.work, 'train.jsonl')) })) documents.push(JSON.parse(line).text)
for (let i = documents.length - 1; i > 0; i--) { const j = Math.floor(random() * (i + 1)); [documents[i], documents[j]] = [documents[j], documents[i]] }

function learn() {
  const counts = new Map()
  let bytes = 0
  for (const text of documents) {
    if ((bytes += text.length) > SAMPLE_BYTES) break
    for (const [w] of text.matchAll(PRE)) counts.set(w, (counts.get(w) ?? 0) + 1)
  }
  for (const [w, c] of counts) if (c < 2 || w.length > 64) counts.delete(w)
  console.log(`${counts.size} distinct words in the sample`)
  return trainBpe(counts, Number(options.vocabulary))
}
const merges = options.tokenizer ? JSON.parse(readFileSync(options.tokenizer, 'utf8')).pairs : learn()
const tokenizer = makeTokenizer(merges)
writeFileSync(options.tokenizer ?? join(options.work, 'tokenizer.json'), JSON.stringify({ pairs: merges, tokens: tokenizer.tokens(), merges: tokenizer.mergeTexts() }))
console.log(`vocabulary ${tokenizer.vocabularySize}`)

/** Prefix-suffix-middle order, cut at any character, so that a completion may start inside a word. */
function* fillInTheMiddle(text) {
  const lines = text.split('\n')
  for (let at = 0; at < lines.length;) {
    const limit = 250 + random() * 1100
    let piece = ''
    while (at < lines.length && piece.length < limit) piece += `${lines[at++]}\n`
    const a = Math.floor(random() * piece.length), b = Math.min(piece.length, a + 1 + Math.floor(random() ** 2 * 500))
    yield [
      tokenizer.fimPrefix, ...tokenizer.encode(piece.slice(0, a)),
      tokenizer.fimSuffix, ...tokenizer.encode(piece.slice(b)),
      tokenizer.fimMiddle, ...tokenizer.encode(piece.slice(a, b)),
    ]
  }
}

const train = new Int16Array(64e6), val = new Int16Array(1e6)
let nTrain = 0, nVal = 0, bytes = 0
for (const text of documents) {
  if (random() < VALIDATION_SHARE) {
    const ids = [tokenizer.endoftext, ...tokenizer.encode(text)]
    if (nVal + ids.length < val.length) { val.set(ids, nVal); nVal += ids.length }
    continue
  }
  bytes += Buffer.byteLength(text)
  const parts = random() < FIM_SHARE ? fillInTheMiddle(text) : [tokenizer.encode(text)]
  for (const ids of parts) { train[nTrain++] = tokenizer.endoftext; train.set(ids, nTrain); nTrain += ids.length }
}
writeFileSync(join(options.work, 'train.bin'), new Uint8Array(train.buffer, 0, nTrain * 2))
writeFileSync(join(options.work, 'val.bin'), new Uint8Array(val.buffer, 0, nVal * 2))
console.log(`${nTrain} training tokens, ${nVal} validation tokens, ${(bytes / nTrain).toFixed(2)} bytes per token`)
