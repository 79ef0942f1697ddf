/**
 * Writes src/web/race/texts.json, what the lanes of the page's race write: once, with a model that is free to quote, by
 * this runtime. Use: node bench/race-texts.mjs SmolLM2-135M-Instruct.Q4_1.gguf
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { load } from '../dist/src/index.js';

const SAMPLING = { temperature: 0.2, topP: 0.9, repetitionPenalty: 1.05 };

/** A mode is a list of turns; each turn is what one request of it asks for. */
const MODES = {
  chat: [{ kind: 'answer', seed: 1, maxTokens: 420, ask: 'What should I think about before I adopt a dog?' }],
  code: [
    {
      kind: 'answer',
      seed: 2,
      maxTokens: 157,
      ask: 'Write a Python class BankAccount with the methods deposit, withdraw and balance, each with a docstring.',
    },
  ],
  think: [
    {
      kind: 'thought',
      seed: 5,
      maxTokens: 420,
      ask: 'Think step by step, at length: what has to be considered when planning a vegetable garden on a small balcony?',
    },
    {
      kind: 'answer',
      seed: 1,
      maxTokens: 180,
      ask: 'In three sentences: how do I plan a vegetable garden on a small balcony?',
    },
  ],
  agent: [
    'Name five things to decide before a birthday party in a garden.',
    'Write an invitation of four sentences to a birthday party in a garden.',
    'Suggest a menu of three courses for a birthday party in summer.',
    'Write a shopping list for sandwiches, lemonade and a fruit salad.',
    'Suggest five games for children in a garden.',
    'Suggest decorations for a garden party in four sentences.',
    'What should be done if it rains on the day of a garden party? Answer in four sentences.',
    'Write a timetable for a party from three to seven in the afternoon.',
    'Write a toast of four sentences for a birthday.',
    'Write a thank-you note of four sentences to the guests of a birthday party.',
  ].map((ask, index) => ({ kind: 'answer', seed: index + 1, maxTokens: 160, ask })),
};

const [path] = process.argv.slice(2);
if (path === undefined)
  throw new Error('race-texts: got no model, expected a GGUF file: give one that is free to quote.');
const engine = await load(path);
const modes = {};
for (const [name, turns] of Object.entries(MODES)) {
  modes[name] = [];
  for (const { kind, seed, maxTokens, ask } of turns) {
    const pieces = [];
    for await (const chunk of engine.generate([{ role: 'user', content: ask }], {
      ...SAMPLING,
      seed,
      maxTokens,
    })) {
      if (!chunk.done) pieces.push([chunk.text, chunk.ids.length]);
    }
    // One entry per token; a token that ends inside a character shows nothing yet.
    const tokens = pieces.flatMap(([text, count]) => [...Array.from({ length: count - 1 }, () => ''), text]);
    modes[name].push({ kind, ask, seed, maxTokens, tokens });
    process.stderr.write(`${name}: ${tokens.length} tokens\n${tokens.join('')}\n\n`);
  }
}
const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
const made = {
  model: engine.info.name,
  file: basename(path),
  sha256,
  licence: 'Apache-2.0',
  sampling: SAMPLING,
};
writeFileSync(
  new URL('../src/web/race/texts.json', import.meta.url),
  `${JSON.stringify({ ...made, command: `node bench/race-texts.mjs ${basename(path)}`, modes })}\n`,
);
await engine.close();
