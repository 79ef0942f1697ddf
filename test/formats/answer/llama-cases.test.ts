/**
 * The answers of llama.cpp's own chat tests, read back: skipped where its tree or their list is absent. Make them by
 * `../shared/peers/get-llama-cpp.sh` and `python3 test/formats/answer/llama-cases.py TREE TREE/../answers.jsonl`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { type Answer, answerReader, callsOf, readAnswer } from '#src/formats/answer/answer.js';
import { promptEndOf } from '#src/formats/answer/prompt-end.js';
import type { AnswerEvent } from '#src/formats/answer/types.js';
import { readJson } from '#src/formats/jinja/json.js';
import { Dict } from '#src/formats/jinja/values.js';

interface Given {
  readonly role: string;
  readonly content: unknown;
  readonly reasoning_content: string;
  readonly tool_calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
}

interface Case {
  readonly template: string;
  readonly output: string;
  readonly expected: Given & { readonly content: string };
  readonly messages: readonly Given[];
  readonly tools: readonly { readonly function: { readonly name: string; readonly parameters: object } }[];
  readonly enable_thinking: boolean;
  readonly reasoning: 'split' | 'content';
  readonly is_whole: boolean;
}

const folder = process.env.WAFERFLOW_PEERS ?? `${homedir()}/.cache/waferflow-peers`;
const tree = `${folder}/llama.cpp`;
const list = `${folder}/answers.jsonl`;
const isThere = existsSync(tree) && existsSync(list);

/**
 * Read back right of those that are whole. The others: calls within a thought that nobody closed (Qwen 3.5, DeepSeek V4,
 * Ling, Kimi: ten), which stay thoughts here, since a call in a thought must not be one; channels of Muse Glimmer (five);
 * a tool of gpt-oss that nobody offered (two); MiniMax' elements in a string, and a `<think>` in a thought (one each).
 */
const least = 355;

function requestOf({ output, tools, messages, enable_thinking, reasoning }: Case) {
  const given = messages.map(({ tool_calls: calls, reasoning_content: thought, ...message }) => ({
    ...message,
    ...(thought !== '' && { reasoning_content: thought }),
    ...(calls.length > 0 && {
      tool_calls: calls.map(({ id, name, arguments: text }) => ({
        id,
        type: 'function',
        function: { name, arguments: JSON.parse(text || '{}') as unknown },
      })),
    }),
  }));
  const talk = given.length > 0 ? given : [{ role: 'user', content: 'Hey there!' }];
  return { output, tools, messages: talk, enable_thinking, reasoning };
}

function plainCalls(calls: Given['tool_calls'] | Answer['tool_calls']): string {
  return JSON.stringify(calls.map((call) => [call.name, JSON.parse(call.arguments) as unknown]));
}

function isRight(
  answer: Answer,
  { content, reasoning_content: thought, tool_calls: calls }: Case['expected'],
) {
  return (
    answer.content.trim() === content.trim() &&
    answer.reasoning.trim() === thought.trim() &&
    plainCalls(answer.tool_calls) === plainCalls(calls)
  );
}

/** As a stream: every piece of the same length but the last. */
function inPieces(one: Case, template: string, promptEnd: string | undefined, length: number): Answer {
  const tools = one.tools.map(({ function: { name, parameters } }) => ({
    name,
    parameters: parameters as Readonly<Record<string, unknown>>,
  }));
  const end = promptEnd !== undefined && { promptEnd };
  const reader = answerReader({ template, ...end, tools, parallel: true, reasoning: one.reasoning });
  const events: AnswerEvent[] = [];
  for (let at = 0; at < one.output.length; at += length)
    events.push(...reader.push(one.output.slice(at, at + length)));
  events.push(...reader.end());
  const textOf = (type: 'text' | 'reasoning'): string =>
    events.map((event) => (event.type === type ? event.text : '')).join('');
  return { content: textOf('text'), reasoning: textOf('reasoning'), tool_calls: callsOf(events) };
}

describe.skipIf(!isThere)("answers of llama.cpp's tests", () => {
  const all = isThere
    ? readFileSync(list, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Case)
    : [];
  const whole = all.filter(({ is_whole }) => is_whole);

  it(`${list}: at least ${least} of 373 are read back right, and the same in any pieces`, {
    timeout: 120_000,
  }, () => {
    expect(whole).toHaveLength(373);
    let right = 0;
    for (const one of whole) {
      const template = readFileSync(`${tree}/${one.template}`, 'utf8');
      const request = requestOf(one);
      const json = readJson(JSON.stringify(request));
      if (!(json instanceof Dict)) throw new Error('not an object');
      const end = promptEndOf(json, template);
      let answer: Answer;
      try {
        answer = readAnswer({ ...request, prompt_end: end }, template);
      } catch {
        continue;
      }
      if (isRight(answer, one.expected)) right++;
      for (const length of [1, 7]) expect(inPieces(one, template, end, length)).toEqual(answer);
    }
    expect(right).toBeGreaterThanOrEqual(least);
  });
});
