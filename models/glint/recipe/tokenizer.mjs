// Byte-level BPE: training on word counts, and encoding. The pre-tokeniser is the one GGUF calls "qwen2".
export const PRE = /(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu
export const SPECIALS = ['<|endoftext|>', '<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>']

/** GPT-2's printable stand-in for each byte, which is how GGUF stores token texts. */
export const BYTE_TO_CHAR = (() => {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255)
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
})()

const utf8 = new TextEncoder()
const pairKey = (a, b) => a * 65536 + b

/** Learns merges from a Map of word -> count until the vocabulary has `size` entries, specials included. */
export function trainBpe(wordCounts, size) {
  const words = [], counts = []
  for (const [w, c] of wordCounts) { words.push([...utf8.encode(w)]); counts.push(c) }
  const pairs = new Map(), where = new Map()
  const add = (key, n, i) => {
    pairs.set(key, (pairs.get(key) ?? 0) + n)
    if (n > 0) { let s = where.get(key); if (!s) where.set(key, (s = new Set())); s.add(i) }
  }
  words.forEach((w, i) => { for (let j = 1; j < w.length; j++) add(pairKey(w[j - 1], w[j]), counts[i], i) })
  const merges = []
  const total = size - SPECIALS.length
  for (let id = 256; id < total; id++) {
    let best = -1, bestCount = 0
    for (const [k, c] of pairs) if (c > bestCount || (c === bestCount && k < best)) { best = k; bestCount = c }
    if (bestCount < 2) throw new Error(`the sample is too small: ${merges.length} merges found`)
    const a = Math.floor(best / 65536), b = best % 65536
    merges.push([a, b])
    for (const i of where.get(best)) {
      const w = words[i], out = []
      for (let j = 0; j < w.length; j++) {
        if (w[j] === a && w[j + 1] === b && j + 1 < w.length) { out.push(id); j++ } else out.push(w[j])
      }
      if (out.length === w.length) continue
      for (let j = 1; j < w.length; j++) add(pairKey(w[j - 1], w[j]), -counts[i], i)
      for (let j = 1; j < out.length; j++) add(pairKey(out[j - 1], out[j]), counts[i], i)
      words[i] = out
    }
    pairs.delete(best); where.delete(best)
  }
  return merges
}

/** A tokenizer from its merges: `encode(text)` gives ids without specials, `decode(ids)` gives bytes. */
export function makeTokenizer(merges) {
  const rank = new Map(merges.map(([a, b], i) => [pairKey(a, b), i]))
  const bytesOf = Array.from({ length: 256 }, (_, b) => [b])
  for (const [a, b] of merges) bytesOf.push([...bytesOf[a], ...bytesOf[b]])
  const cache = new Map()
  const encodeWord = (word) => {
    let ids = cache.get(word)
    if (ids) return ids
    ids = [...utf8.encode(word)]
    for (;;) {
      let best = Infinity
      for (let j = 1; j < ids.length; j++) { const r = rank.get(pairKey(ids[j - 1], ids[j])); if (r < best) best = r }
      if (best === Infinity) break
      const [a, b] = merges[best], out = []
      for (let j = 0; j < ids.length; j++) {
        if (ids[j] === a && ids[j + 1] === b && j + 1 < ids.length) { out.push(256 + best); j++ } else out.push(ids[j])
      }
      ids = out
    }
    if (cache.size < 500_000) cache.set(word, ids)
    return ids
  }
  const endoftext = 256 + merges.length
  return {
    endoftext, fimPrefix: endoftext + 1, fimSuffix: endoftext + 2, fimMiddle: endoftext + 3,
    vocabularySize: endoftext + SPECIALS.length,
    encode(text) { const ids = []; for (const [w] of text.matchAll(PRE)) for (const t of encodeWord(w)) ids.push(t); return ids },
    decode(ids) { return Buffer.from(ids.flatMap((t) => bytesOf[t] ?? [])).toString('utf8') },
    tokens() { return [...bytesOf.map((bs) => bs.map((b) => BYTE_TO_CHAR[b]).join('')), ...SPECIALS] },
    mergeTexts() { const s = (t) => bytesOf[t].map((b) => BYTE_TO_CHAR[b]).join(''); return merges.map(([a, b]) => `${s(a)} ${s(b)}`) },
  }
}
