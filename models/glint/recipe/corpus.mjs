// Step 1. Fetches the packages named in packages.json with `npm pack` and writes the texts worth learning from.
//   node corpus.mjs [--work .work]
// Writes <work>/train.jsonl, <work>/heldout.jsonl (one {package, path, text} per line) and <work>/manifest.json.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const here = import.meta.dirname
const { values: options } = parseArgs({ options: { work: { type: 'string', default: join(here, '.work') } } })
const lists = JSON.parse(readFileSync(join(here, 'packages.json'), 'utf8'))
const work = options.work
mkdirSync(join(work, 'tgz'), { recursive: true })

const LICENCES = /^\(?(MIT|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|ISC|CC0-1\.0)( (OR|AND) (MIT|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|ISC|CC0-1\.0))*\)?$/
const SKIPPED_FOLDERS = /(^|\/)(node_modules|locales?|i18n|cjs|es5|esm5|umd|generated|__generated__|__snapshots__|mime-?db)(\/|$)/i
const MAX_PACKAGE_BYTES = 5_000_000
const MAX_FILE_BYTES = 400_000

function fetchPackage(name, version) {
  const tgz = join(work, 'tgz', `${name.replace('@', '').replace('/', '-')}-${version}.tgz`)
  if (!existsSync(tgz)) {
    execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', join(work, 'tgz'), `${name}@${version}`])
  }
  const folder = join(work, 'packages', name)
  if (!existsSync(join(folder, 'package.json'))) {
    mkdirSync(folder, { recursive: true })
    execFileSync('tar', ['xzf', tgz, '-C', folder, '--strip-components=1', '--no-same-owner'])
  }
  return folder
}

function* filesOf(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) yield join(entry.parentPath ?? entry.path, entry.name)
  }
}
const isDeclaration = (path) => /\.d\.[cm]?ts$/.test(path)

/** Sources of a package; declarations only where it ships no sources (they would repeat them). */
function pickFiles(folder) {
  const all = [...filesOf(folder)].map((f) => relative(folder, f)).filter((f) => /\.[cm]?tsx?$/.test(f) && !SKIPPED_FOLDERS.test(f)).sort()
  const sources = all.filter((f) => !isDeclaration(f))
  return sources.length > 5 ? sources : all
}

/** Normalised text, or undefined for what is generated, minified or not mainly ASCII. */
function clean(raw) {
  let text = raw.replace(/^\uFEFF/, '').replace(/\r\n?/g, '\n')
  text = text.replace(/^#!.*\n/, '').replace(/^\s*\/\*(?:(?!\*\/)[\s\S])*?(copyright|licen[sc]e)(?:(?!\*\/)[\s\S])*\*\/\s*/i, '')
  text = text.replace(/^(\/\/.*\n)*\/\/.*(copyright|licen[sc]e).*\n(\/\/.*\n)*\s*/i, '')
  text = text.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, '\n').replace(/[ \t]+\n/g, '\n').replace(/\n{3,}/g, '\n\n').trim() + '\n'
  if (text.length < 200 || text.length > MAX_FILE_BYTES) return
  if (/generated (by|from|file|code)|auto-?generated|do not (edit|modify)|@generated/i.test(text.slice(0, 600))) return
  const lines = text.split('\n')
  if (lines.some((l) => l.length > 600) || text.length / lines.length > 80) return
  if ((text.match(/[^\x00-\x7f]/g)?.length ?? 0) > text.length * 0.02) return
  if ((text.match(/\d/g)?.length ?? 0) > text.length * 0.2) return
  if ((text.match(/^\s*(export \* from|import |export \{)/gm)?.length ?? 0) > lines.length * 0.6) return
  return text
}

// Near-duplicates: a file is dropped when more than this share of its runs of four lines was seen in files kept before it.
const REPEATED = { held_out: 0.4, train: 0.25 }
const seenFiles = new Set(), seenRuns = new Set()
function isRepeat(text, share) {
  const digest = createHash('sha1').update(text).digest('base64')
  if (seenFiles.has(digest)) return true
  const lines = text.split('\n').map((l) => l.trim()).filter((l) => l.length > 3)
  const runs = []
  for (let i = 0; i + 4 <= lines.length; i++) runs.push(createHash('md5').update(lines.slice(i, i + 4).join('\n')).digest('base64').slice(0, 12))
  const known = runs.filter((r) => seenRuns.has(r)).length
  if (known > runs.length * share) return true
  seenFiles.add(digest)
  for (const r of runs) seenRuns.add(r)
  return false
}

const manifest = []
for (const part of ['held_out', 'train']) { // the held-out packages first: what repeats them is not trained on
  const out = createWriteStream(join(work, part === 'train' ? 'train.jsonl' : 'heldout.jsonl'))
  for (const [name, version] of Object.entries(lists[part])) {
    const folder = fetchPackage(name, version)
    const info = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (!LICENCES.test(info.license ?? '')) throw new Error(`${name}: licence ${info.license} is not on the list`)
    let bytes = 0, files = 0
    // Spread over the whole package when it is larger than the cap.
    const order = pickFiles(folder).map((f) => [createHash('sha1').update(f).digest('hex'), f]).sort()
    for (const [, path] of order) {
      if (bytes > MAX_PACKAGE_BYTES) break
      const text = clean(readFileSync(join(folder, path), 'utf8'))
      if (text === undefined || isRepeat(text, REPEATED[part])) continue
      out.write(`${JSON.stringify({ package: name, path, text })}\n`)
      bytes += Buffer.byteLength(text); files++
    }
    manifest.push({ part, name, version, licence: info.license, files, bytes })
    console.log(`${part} ${name}@${version} ${info.license} ${files} files ${bytes} bytes`)
  }
  out.end()
}
writeFileSync(join(work, 'manifest.json'), JSON.stringify(manifest, null, 1))
const total = manifest.filter((m) => m.part === 'train').reduce((s, m) => s + m.bytes, 0)
console.log(`training corpus: ${(total / 1e6).toFixed(1)} MB in ${manifest.filter((m) => m.part === 'train').length} packages`)
