/**
 * Folders converted to GGUF and read by node-llama-cpp: the likeliest token after each of a golden sequence's.
 *
 *   node round-trip.mjs FOLDER...    each with golden.json: ids, argmax and margin of a reference
 *
 * Where the margin of the reference is below --margin (default 0.05, for the rounding of BF16 and of the KV cache), any
 * token will do. What convert warns of cannot be said in GGUF and is only listed.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { getLlama } from 'node-llama-cpp';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { margin: { type: 'string', default: '0.05' } },
});
const command = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'round-trip-'));
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'disabled' });

/** The likeliest token after each of the ids. */
async function likeliest(path, ids) {
  const model = await llama.loadModel({ modelPath: path });
  try {
    const context = await model.createContext({ contextSize: 256, threads: 1 });
    const sequence = context.getSequence();
    const input = ids.map((id) => [id, { generateNext: { token: true, options: { temperature: 0 } } }]);
    const output = await sequence.controlledEvaluate(input);
    return ids.map((_, i) => output[i]?.next.token ?? null);
  } finally {
    await model.dispose();
  }
}

/** What convert says on stderr. */
function convert(folder, path) {
  const { status, stderr } = spawnSync(process.execPath, [command, 'convert', folder, path], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  return stderr.trim();
}

const count = { same: 0, warned: 0, differs: 0 };
for (const folder of positionals) {
  const name = basename(folder);
  const path = join(scratch, `${name}.gguf`);
  const { ids, argmax, margin } = JSON.parse(readFileSync(join(folder, 'golden.json'), 'utf8'));
  let verdict = '';
  try {
    const warnings = convert(folder, path);
    if (warnings !== '') verdict = `warned: ${warnings.split('\n')[0]}`;
    else {
      const got = await likeliest(path, ids);
      const wrong = argmax.filter((id, i) => margin[i] > Number(values.margin) && got[i] !== id);
      verdict = wrong.length === 0 ? 'same' : `differs in ${wrong.length} of ${ids.length}`;
    }
  } catch (error) {
    verdict = `differs: ${error.message.split('\n')[0]}`;
  }
  count[verdict.split(/[ :]/)[0]]++;
  console.log(`${name} ${verdict}`);
  rmSync(path, { force: true });
}
rmSync(scratch, { recursive: true });
console.log(`${count.same} same, ${count.warned} that GGUF cannot say, ${count.differs} differ`);
process.exit(count.differs > 0 ? 1 : 0);
