// Step 2. Learns the vocabulary from a sample of the corpus, chooses what is worth the training time and writes the token streams.
//   node prepare.mjs [--work .work] [--vocabulary 4096] [--tokenizer FILE]
// Writes <work>/tokenizer.json (unless one is given), <work>/train.bin and <work>/val.bin (int16, little-endian).
import { createReadStream, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { documentedFunctions } from './functions.mjs'
import { makeTokenizer, PRE, trainBpe } from './tokenizer.mjs'

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: join(import.meta.dirname, '.work') },
    vocabulary: { type: 'string', default: '4096' },
    tokenizer: { type: 'string' },
  },
})
const FIM_SHARE = 0.3 // of the documents; such a document is cut into pieces and each piece rearranged
const DECLARATION_SHARE = 0.12 // of the files that only declare: they teach no bodies
const MAX_PACKAGE_BYTES = 1_200_000 // no style outweighs the others
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
for await (const line of createInterface({ input: createReadStream(join(options.work, 'train.jsonl')) })) documents.push(JSON.parse(line))
for (let i = documents.length - 1; i > 0; i--) { const j = Math.floor(random() * (i + 1)); [documents[i], documents[j]] = [documents[j], documents[i]] }

function learn() {
  const counts = new Map()
  let bytes = 0
  for (const { text } of documents) {
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

/** Prefix-suffix-middle order; the middle is whole lines, or begins and ends at any character, inside a word too. */
function* fillInTheMiddle(text) {
  const lines = text.split('\n')
  for (let at = 0; at < lines.length;) {
    const limit = 250 + random() * 2400
    let piece = ''
    while (at < lines.length && piece.length < limit) piece += `${lines[at++]}\n`
    let a = Math.floor(random() * piece.length), b = Math.min(piece.length, a + 1 + Math.floor(random() ** 2 * 500))
    if (random() < 0.5) {
      a = piece.lastIndexOf('\n', a - 1) + 1
      while (piece[a] === ' ') a++
      b = Math.max(piece.indexOf('\n', Math.max(a, b)), a)
    }
    yield [
      tokenizer.fimPrefix, ...tokenizer.encode(piece.slice(0, a)),
      tokenizer.fimSuffix, ...tokenizer.encode(piece.slice(b)),
      tokenizer.fimMiddle, ...tokenizer.encode(piece.slice(a, b)),
    ]
  }
}

const train = new Int16Array(64e6), val = new Int16Array(1e6)
let nTrain = 0, nVal = 0, bytes = 0, pairs = 0
const taken = new Map()
const isDeclaration = (path) => /\.d\.[cm]?ts$/.test(path)
for (const { package: name, path, text } of documents) {
  if (isDeclaration(path) && random() >= DECLARATION_SHARE) continue
  if ((taken.get(name) ?? 0) > MAX_PACKAGE_BYTES) continue
  taken.set(name, (taken.get(name) ?? 0) + text.length)
  if (random() < VALIDATION_SHARE) {
    const ids = [tokenizer.endoftext, ...tokenizer.encode(text)]
    if (nVal + ids.length < val.length) { val.set(ids, nVal); nVal += ids.length }
    continue
  }
  bytes += Buffer.byteLength(text)
  const parts = random() < FIM_SHARE ? [...fillInTheMiddle(text)] : [tokenizer.encode(text)]
  // A documented function once more, alone: what a prompt of a doc comment and a signature asks for, and where it ends.
  if (!isDeclaration(path)) for (const pair of documentedFunctions(text)) { parts.push(tokenizer.encode(pair)); pairs++ }
  for (const ids of parts) { train[nTrain++] = tokenizer.endoftext; train.set(ids, nTrain); nTrain += ids.length }
}
writeFileSync(join(options.work, 'train.bin'), new Uint8Array(train.buffer, 0, nTrain * 2))
writeFileSync(join(options.work, 'val.bin'), new Uint8Array(val.buffer, 0, nVal * 2))
console.log(`${nTrain} training tokens with ${pairs} documented functions, ${nVal} validation tokens, ${(bytes / nTrain).toFixed(2)} bytes per token`)
