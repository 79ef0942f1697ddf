// Encodes for the Python side: each line of standard input is a JSON string (or, with --decode, an array of ids);
// each line of standard output is its ids (or its text).
//   node encode.mjs TOKENIZER.json [--decode]
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { makeTokenizer } from './tokenizer.mjs'

const tokenizer = makeTokenizer(JSON.parse(readFileSync(process.argv[2], 'utf8')).pairs)
const decode = process.argv[3] === '--decode'
for await (const line of createInterface({ input: process.stdin })) {
  const v = JSON.parse(line)
  console.log(JSON.stringify(decode ? tokenizer.decode(v) : tokenizer.encode(v)))
}
