// Prints the table of packages for the card: node table.mjs [--work .work]
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({ options: { work: { type: 'string', default: join(import.meta.dirname, '.work') } } })
const rows = JSON.parse(readFileSync(join(values.work, 'manifest.json'), 'utf8'))
for (const part of ['held_out', 'train']) {
  const own = rows.filter((r) => r.part === part && r.files > 0).sort((a, b) => b.bytes - a.bytes)
  const sum = (key) => own.reduce((s, r) => s + r[key], 0)
  console.log(`\n### ${part === 'train' ? 'Trained on' : 'Kept out of training, for evaluation'}\n`)
  console.log('| package | version | licence | files | bytes |\n|---|---|---|---:|---:|')
  for (const r of own) console.log(`| ${r.name} | ${r.version} | ${r.licence} | ${r.files} | ${r.bytes} |`)
  console.log(`| **${own.length} packages** | | | **${sum('files')}** | **${sum('bytes')}** |`)
}
