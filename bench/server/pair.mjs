/**
 * Task time of an agent's work on a server with a pair of models, in each mode: the quick one, the thorough one, and the
 * thorough one with the quick one's drafts. A task is a conversation of some turns, each a call that goes on from the last;
 * texts are greedy, and those of the last two modes are compared.
 *
 * node bench/server/pair.mjs QUICK.gguf THOROUGH.gguf [tokens of an answer, 48] [rounds, 3]
 */
import { basename } from 'node:path';
import { load } from '../../dist/src/index.js';
import { startServer } from '../../dist/src/server/serve.js';

const [quickPath, thoroughPath, answerTokens = 48, rounds = 3] = process.argv.slice(2);
if (thoroughPath === undefined) {
  process.stderr.write('give two models: node bench/server/pair.mjs QUICK.gguf THOROUGH.gguf\n');
  process.exit(2);
}

/** What an agent asks in turn: a plan, code, a change to it, and a summary, which repeat much of each other. */
const TASKS = [
  [
    'Write a function that adds two numbers in TypeScript.',
    'Now let it take a list of numbers.',
    'Add a test for it.',
  ],
  [
    'List three steps to brew coffee.',
    'Write the second step in one sentence.',
    'Write all steps again, numbered.',
  ],
  [
    'What is a binary tree? Answer in two sentences.',
    'Give an example in Python.',
    'Explain the example line by line.',
  ],
];

const options = { kvTokens: 8192, context: 2048 };
const server = await startServer({
  load: () => load(quickPath, options),
  model: { id: 'quick' },
  models: [{ id: 'thorough', load: () => load(thoroughPath, options) }],
  pairs: [{ name: 'pair', quick: 'quick', thorough: 'thorough' }],
  port: 0,
  logLevel: 'silent',
});
await server.ready;

async function turn(model, messages) {
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    body: JSON.stringify({ model, messages, max_tokens: Number(answerTokens), temperature: 0 }),
  });
  const { choices, usage, error } = await response.json();
  if (error) throw new Error(error.message);
  return { text: choices[0].message.content, usage };
}

async function task(model, questions) {
  const messages = [];
  const texts = [];
  const tokens = { made: 0, drafted: 0, accepted: 0 };
  const startMs = performance.now();
  for (const content of questions) {
    messages.push({ role: 'user', content });
    const { text, usage } = await turn(model, messages);
    messages.push({ role: 'assistant', content: text });
    texts.push(text);
    const { accepted_prediction_tokens: accepted, rejected_prediction_tokens: rejected } =
      usage.completion_tokens_details;
    tokens.made += usage.completion_tokens;
    tokens.accepted += accepted;
    tokens.drafted += accepted + rejected;
  }
  return { ms: performance.now() - startMs, texts, tokens };
}

const MODES = ['quick', 'thorough', 'verified'];
// Both models are loaded and warm before the first is timed.
for (const mode of MODES) await turn(`pair:${mode}`, [{ role: 'user', content: 'Hello' }]);
const results = Object.fromEntries(
  MODES.map((mode) => [mode, { times: [], made: 0, drafted: 0, accepted: 0 }]),
);
let same = 0;
let compared = 0;
for (let round = 0; round < rounds; round++)
  for (const questions of TASKS) {
    const texts = {};
    // In turns, so that what else the machine does falls on all of them. The first words make the prompts new in each round.
    for (const mode of MODES) {
      const asked = [`(Round ${round}.) ${questions[0]}`, ...questions.slice(1)];
      const { ms, tokens, ...done } = await task(`pair:${mode}`, asked);
      const result = results[mode];
      result.times.push(ms);
      for (const key of ['made', 'drafted', 'accepted']) result[key] += tokens[key];
      texts[mode] = done.texts.join('\n');
    }
    compared++;
    if (texts.verified === texts.thorough) same++;
  }
await server.close();

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const write = (line) => process.stdout.write(`${line}\n`);
write(
  `quick: ${basename(quickPath)}, thorough: ${basename(thoroughPath)}, ${answerTokens} tokens an answer, 3 turns a task\n`,
);
write(`| mode | task, median of ${results.quick.times.length} | tokens/s | drafts accepted |`);
write('| --- | --- | --- | --- |');
for (const mode of MODES) {
  const { times, made, drafted, accepted } = results[mode];
  const seconds = times.reduce((sum, ms) => sum + ms, 0) / 1000;
  const share = drafted === 0 ? '-' : `${Math.round((100 * accepted) / drafted)} % of ${drafted}`;
  write(`| ${mode} | ${(median(times) / 1000).toFixed(2)} s | ${(made / seconds).toFixed(1)} | ${share} |`);
}
write(`\nverified text is thorough's in ${same} of ${compared} tasks`);
process.exitCode = same === compared ? 0 : 1;
