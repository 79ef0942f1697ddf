/**
 * llama.cpp as it is compiled for this machine (`--native DIRECTORY` of compare.mjs: llama-bench and llama-server in it):
 * tokens/s of every figure, the better of flash attention on and off, with a number of threads.
 */
import { execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const PORT = 18_099;

const environment = (directory) => ({ ...process.env, LD_LIBRARY_PATH: directory });

/** The best of the samples of every test that llama-bench makes of `args`, flash attention on and off. */
async function bench(directory, args) {
  const { stdout } = await run(
    join(directory, 'llama-bench'),
    [...args, '-fa', '0,1', '-r', '2', '-o', 'json'],
    {
      env: environment(directory),
      maxBuffer: 1 << 26,
    },
  );
  const best = new Map();
  for (const { n_prompt, n_gen, n_depth, samples_ts } of JSON.parse(stdout)) {
    const key = `${n_prompt} ${n_gen} ${n_depth}`;
    best.set(key, Math.max(best.get(key) ?? 0, ...samples_ts));
  }
  return best;
}

/** `streams` answers of `tokens` at once by llama-server, all their tokens a second; the best of two tries. */
async function streamsOf(directory, path, threads, { streams, prompt, tokens }) {
  const args = [
    '-m',
    path,
    '-t',
    `${threads}`,
    '-np',
    `${streams}`,
    '-c',
    `${streams * (prompt + tokens + 8)}`,
  ];
  const server = spawn(join(directory, 'llama-server'), [...args, '--port', `${PORT}`, '--no-webui'], {
    env: environment(directory),
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${PORT}`;
  try {
    for (let tries = 0; ; tries++) {
      const isReady = await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) break;
      if (tries === 600 || server.exitCode !== null) throw new Error('llama-server did not start');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    let best = 0;
    for (let round = 0; round < 2; round++) {
      const start = performance.now();
      const counts = await Promise.all(
        Array.from({ length: streams }, async (_, stream) => {
          const ids = Array.from(
            { length: prompt },
            (_, i) => 3 + (((i + 1) * 7919 * (1 + stream + 8 * round)) % 499),
          );
          const body = {
            prompt: ids,
            n_predict: tokens,
            temperature: 0,
            ignore_eos: true,
            cache_prompt: false,
          };
          const response = await fetch(`${url}/completion`, { method: 'POST', body: JSON.stringify(body) });
          return (await response.json()).tokens_predicted;
        }),
      );
      const total = counts.reduce((sum, count) => sum + count, 0);
      best = Math.max(best, (1000 * total) / (performance.now() - start));
    }
    return best;
  } finally {
    server.kill();
  }
}

/** The figures of compare.mjs: `cases` are its own. */
export async function native(directory, path, threads, { contexts, decodeTokens, prefill, streams }) {
  const common = ['-m', path, '-t', `${threads}`];
  const decode = await bench(directory, [
    ...common,
    '-p',
    '0',
    '-n',
    `${decodeTokens}`,
    '-d',
    contexts.join(),
  ]);
  const prompt = await bench(directory, [...common, '-p', `${prefill}`, '-n', '0']);
  return {
    ...Object.fromEntries(
      contexts.map((context) => [`decode ${context}`, decode.get(`0 ${decodeTokens} ${context}`)]),
    ),
    [`prefill ${prefill}`]: prompt.get(`${prefill} 0 0`),
    [`${streams.streams} streams`]: await streamsOf(directory, path, threads, streams),
  };
}
