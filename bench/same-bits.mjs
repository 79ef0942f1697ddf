/**
 * The same bits whatever runs beside: scores and answers of models with 1 to 4 workers, alone and in batches of 16, with
 * prompts cut anywhere, and from cached beginnings. Run from the repository root after `npm run build`:
 * node bench/same-bits.mjs FILE.gguf...   or   node bench/same-bits.mjs --zoo FOLDER [NAME...] (descriptions as in the zoo)
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { load } from '../dist/src/index.js';

const [first, ...others] = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), 'same-bits-'));

async function* models() {
  if (first !== '--zoo') {
    for (const path of [first, ...others]) yield [path, path];
    return;
  }
  const [folder, ...names] = others;
  const { writeModel } = await import(pathToFileURL(join(folder, 'write.mjs')).href);
  const all = readdirSync(join(folder, 'gguf')).filter((file) => /^(?!.*golden).*\.json$/.test(file));
  for (const file of all) {
    const name = file.replace('.json', '');
    if (names.length > 0 && !names.includes(name)) continue;
    const path = join(scratch, `${name}.gguf`);
    writeModel(JSON.parse(readFileSync(join(folder, 'gguf', file), 'utf8')), path);
    yield [name, path];
    rmSync(path);
  }
}

/** Prompts of many lengths; the first four begin alike, beyond a page of the cache. */
const promptsOf = (vocabulary) =>
  [70, 67, 40, 33, 1, 2, 31, 32, 5, 64, 17, 9, 50, 3, 28, 12].map((count, at) =>
    Array.from(
      { length: count },
      (_, i) => 3 + ((i * i * 7 + i * 5 + (i < 33 && at < 4 ? 0 : at * 13)) % (vocabulary - 3)),
    ),
  );

const greedy = { temperature: 0, maxTokens: 6, ignoreEos: true, logprobs: 1 };

async function answer(engine, prompt) {
  const said = [];
  for await (const chunk of engine.generate(prompt, greedy))
    if (!chunk.done) said.push(...chunk.logprobs.flatMap(({ id, logprob }) => [id, logprob]));
  return said.join();
}

/** What runs of an engine say, one line each; all lines of one prompt have to be equal. */
async function runs(path, options) {
  const engine = await load(path, { context: 128, kvTokens: 4096, maxRunning: 16, ...options });
  try {
    const prompts = promptsOf(engine.tokenizer.vocabSize);
    const alone = [];
    for (const prompt of prompts) alone.push(await answer(engine, prompt));
    // All at once, from cached beginnings by now.
    const together = await Promise.all(prompts.map((prompt) => answer(engine, prompt)));
    const { nll } = await engine.score(prompts[0]);
    return [
      [...alone, nll.join()],
      [...together, nll.join()],
    ];
  } finally {
    await engine.close();
  }
}

const crews = [
  { workers: 1, prefillChunk: 64 },
  { workers: 2, prefillChunk: 7 },
  { workers: 3, prefillChunk: 16 },
  { workers: 4, prefillChunk: 1 },
];
let different = 0;
let count = 0;
for await (const [name, path] of models()) {
  count++;
  const all = [];
  try {
    for (const options of crews) all.push(...(await runs(path, options)));
  } catch (error) {
    console.log(`${name} refused: ${error.message.slice(0, 160)}`);
    continue;
  }
  const wrong = all.flatMap((lines, run) =>
    lines.flatMap((line, at) => (line === all[0][at] ? [] : [`run ${run}, prompt ${at}`])),
  );
  if (wrong.length === 0) continue;
  different++;
  console.log(`${name} differs: ${wrong.slice(0, 5).join('; ')}`);
}
rmSync(scratch, { recursive: true });
console.log(`${count} models, ${different} differ`);
process.exit(different > 0 ? 1 : 0);
