// Step 5. Measures the exported file on the packages kept out of training.
//   node evaluate.mjs bits       bits per byte of each held-out file, beside `xz -9e` and `zstd -19` on the same file
//   node evaluate.mjs functions  the share of 200 completed function beginnings that parses
// Options: --work DIR (.work), --model FILE (../glint-q8_0.gguf), --reference PYTHON: use reference.py under that Python
// instead of waferflow (built: ../../../dist), --count 200, --tokens 96, --sampling JSON ({"temperature": 0}; {} for what
// the file recommends; waferflow only), --show N.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const here = import.meta.dirname
const { values: o, positionals: [what] } = parseArgs({
  allowPositionals: true,
  options: {
    work: { type: 'string', default: join(here, '.work') },
    model: { type: 'string', default: join(here, '..', 'glint-q8_0.gguf') },
    reference: { type: 'string' },
    count: { type: 'string', default: '200' },
    tokens: { type: 'string', default: '96' },
    sampling: { type: 'string', default: '{"temperature":0}' },
    show: { type: 'string', default: '0' },
  },
})
const files = readFileSync(join(o.work, 'heldout.jsonl'), 'utf8').trim().split('\n').map((l) => JSON.parse(l))
const run = (command, args, input) => execFileSync(command, args, { input, maxBuffer: 1 << 28, stdio: ['pipe', 'pipe', 'ignore'] })
const AT_ONCE = 8
const engine = o.reference ? undefined
  : await (await import('../../../dist/src/index.js')).load(o.model, { maxRunning: AT_ONCE, kvTokens: AT_ONCE * 1024 })

/** Bits of a text, after the token that begins it. */
async function bitsOf(text) {
  const { nll } = await engine.score(engine.tokenizer.encode(text))
  return nll.reduce((sum, nats) => sum + nats, 0) / Math.LN2
}

/** Completions of all prompts, some at a time. */
async function completions(prompts) {
  const texts = [], rest = [...prompts.entries()].reverse()
  const work = async () => {
    for (let next = rest.pop(); next; next = rest.pop()) {
      for await (const piece of engine.generate(next[1], { maxTokens: Number(o.tokens), seed: next[0], ...JSON.parse(o.sampling) })) if (piece.done) texts[next[0]] = piece.text
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return texts
}
const reference = (verb, texts) => run(o.reference, [join(here, 'reference.py'), verb, '--model', o.model, '--tokens', o.tokens, '--threads', String(availableParallelism()), '--tokenizer', join(o.work, 'tokenizer.json')],
  texts.map((t) => `${JSON.stringify(t)}\n`).join('')).toString().trim().split('\n').map((l) => JSON.parse(l))

async function bits() {
  const scored = o.reference ? reference('score', files.map((f) => f.text)) : []
  const folder = mkdtempSync(join(tmpdir(), 'glint-'))
  const sums = new Map()
  for (const [i, f] of files.entries()) {
    const bytes = Buffer.byteLength(f.text), path = join(folder, 'file.ts')
    writeFileSync(path, f.text)
    const model = o.reference ? scored[i].bits : await bitsOf(f.text)
    const xz = run('xz', ['-9e', '-c', path]).length * 8
    const zstd = run('zstd', ['-19', '-c', '-q', path]).length * 8
    for (const key of [f.package, 'all']) {
      const s = sums.get(key) ?? { files: 0, bytes: 0, model: 0, xz: 0, zstd: 0, below: 0 }
      s.files++; s.bytes += bytes; s.model += model; s.xz += xz; s.zstd += zstd; s.below += model < Math.min(xz, zstd)
      sums.set(key, s)
    }
  }
  rmSync(folder, { recursive: true })
  console.log('| package | files | bytes | glint | xz -9e | zstd -19 | below both | files below both |\n|---|---|---|---|---|---|---|---|')
  for (const [name, s] of sums) {
    const per = (b) => (b / s.bytes).toFixed(3)
    console.log(`| ${name} | ${s.files} | ${s.bytes} | ${per(s.model)} | ${per(s.xz)} | ${per(s.zstd)} | ${((1 - s.model / Math.min(s.xz, s.zstd)) * 100).toFixed(1)} % | ${s.below} |`)
  }
}

async function functions() {
  const { functionBeginnings, judge } = await import('./functions.mjs')
  const all = files.flatMap((f) => functionBeginnings(f.text).map((b) => ({ ...b, ...f })))
  let seed = 7 // a seeded choice without repetition
  const next = (n) => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return Math.floor((seed / 2 ** 32) * n) }
  const chosen = []
  while (chosen.length < Number(o.count) && all.length > 0) chosen.push(...all.splice(next(all.length), 1))
  const tasks = chosen.map((c) => {
    // About 256 tokens of prompt: the function's head and as many whole lines before it as fit into 850 characters.
    const from = c.cut - c.start >= 850 ? c.start : c.text.indexOf('\n', Math.max(0, c.cut - 850) - 1) + 1
    return { ...c, prompt: c.text.slice(Math.min(from, c.start), c.cut), head: c.text.slice(c.start, c.cut) }
  })
  const texts = o.reference ? reference('greedy', tasks.map((t) => t.prompt)).map((r) => r.text)
    : await completions(tasks.map((t) => t.prompt))
  const verdicts = tasks.map((t, i) => judge(t.head, t.open - t.start, texts[i], t.member))
  const share = (test) => `${((verdicts.filter(test).length / verdicts.length) * 100).toFixed(1)} %`
  for (const [i, v] of verdicts.slice(0, Number(o.show)).entries()) console.log(`--- ${tasks[i].package} ${tasks[i].path} parses ${v.parses} natural end ${v.natural}\n${v.text}`)
  console.log(`${verdicts.length} beginnings: ${share((v) => v.parses)} parse; ${share((v) => v.natural)} reach the end of the function by themselves; `
    + `${share((v) => v.natural && v.parses)} do both; ${share((v) => v.empty)} wrote no whole line`)
  const truth = tasks.map((t) => judge(t.head, t.open - t.start, t.text.slice(t.cut, t.cut + 320), t.member))
  console.log(`the same judge on the first 320 characters of the real continuations: ${((truth.filter((v) => v.parses).length / truth.length) * 100).toFixed(1)} % parse`)
  mkdirSync(o.work, { recursive: true })
  writeFileSync(join(o.work, 'functions.json'), JSON.stringify(tasks.map((t, i) => ({ package: t.package, path: t.path, prompt: t.prompt, completion: texts[i], ...verdicts[i] })), null, 1))
}

await ({ bits, functions }[what] ?? (() => { throw new Error('say `bits` or `functions`') }))()
await engine?.close()
