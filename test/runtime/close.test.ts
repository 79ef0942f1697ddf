/** `close()` settles in every phase of an engine, in a process of its own that must end with 0 and not before. */
import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What an engine is at when it is closed; `path` is a model, `load` the library's. */
const phases: Readonly<Record<string, string>> = {
  idle: 'const engine = await load(path);',
  decode: `const engine = await load(path);
    const left = read(engine, 'a').catch((error) => error.name);
    await pause(30);`,
  prefill: `const engine = await load(path, { prefillChunk: 1 });
    const left = read(engine, Array.from({ length: 450 }, (_, i) => 3 + (i % 300))).catch((error) => error.name);
    await pause(1);`,
  'requests that wait': `const engine = await load(path, { maxRunning: 1 });
    const left = Promise.all([1, 2, 3].map((i) => read(engine, 'a' + i))).catch((error) => error.name);
    await pause(20);`,
  'a reader that does not read': `const engine = await load(path);
    const chunks = engine.generate('a', endless)[Symbol.asyncIterator]();
    await chunks.next();`,
  score: `const engine = await load(path);
    const ids = Array.from({ length: 500 }, (_, i) => 3 + (i % 300));
    const left = engine.score(ids).then(() => 'whole', (error) => error.name);
    await pause(5);`,
  'a call after it': `const engine = await load(path);
    engine.close();
    const left = read(engine, 'a').catch((error) => error.name);`,
  'a load that was given up': `const engine = await load(path);
    const controller = new AbortController();
    const other = load(path, { signal: controller.signal }).catch(() => null);
    controller.abort();
    await other;`,
};

it.each(Object.entries(phases))('%s', async (_, code) => {
  const path = temporaryFile(tinyModel());
  const script = `${dist}close-${process.pid}-${performance.now()}.mjs`;
  writeFileSync(
    script,
    `import { load } from './src/index.js';
    const path = ${JSON.stringify(path)};
    const endless = { maxTokens: 400, ignoreEos: true };
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const read = async (engine, prompt) => {
      for await (const chunk of engine.generate(prompt, endless)) if (chunk.done) return 'whole';
    };
    ${code}
    await engine.close();
    await engine.close();
    console.log('closed', typeof left === 'undefined' ? '' : await left);`,
  );
  onTestFinished(() => rmSync(script));
  const run = promisify(execFile);
  // What decides is which of two things the event loop sees first.
  for (let i = 0; i < 3; i++) {
    const { stdout } = await run(process.execPath, [script], { timeout: 20_000 });
    expect(stdout).toMatch(/^closed (EngineError|whole)?\n$/);
  }
});

it('await using closes it', async () => {
  const path = temporaryFile(tinyModel());
  const { load } = await import('#src/index.js');
  let ended: Promise<Error | null> | undefined;
  {
    await using engine = await load(path);
    ({ ended } = engine);
  }
  expect(await ended).toBeNull();
});
