/**
 * lm-evaluation-harness on our server: what it scores and generates is what the engine scores and generates. Slow to
 * install, so behind a switch:
 *   pip install "lm-eval[api]==0.4.13" && LM_EVAL=$(which lm_eval) npx vitest run test/clients/lm-eval.test.ts
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import type { Engine } from '#src/runtime/types.js';
import { type RunningServer, startServer } from '#src/server/serve.js';

const command = process.env.LM_EVAL;
const folder = mkdtempSync(join(tmpdir(), 'waferflow-lm-eval-'));
afterAll(() => rmSync(folder, { recursive: true }));

const questions = [
  {
    question: 'export function add(a: number, b: number) {',
    choices: ['\n  return a + b;', ' banana (('],
    gold: 0,
  },
  { question: 'import { readFileSync } from', choices: [' }}}', " 'node:fs';"], gold: 1 },
  { question: 'const xs = [1, 2, 3];\nfor (const x of', choices: [' xs) {', ' ;;='], gold: 0 },
];

const tasks = {
  choice: `output_type: multiple_choice
doc_to_text: "{{question}}"
doc_to_choice: choices
doc_to_target: gold
target_delimiter: ""
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]`,
  rolling: `output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{question}}"
metric_list: [{metric: bits_per_byte, aggregation: bits_per_byte, higher_is_better: false}]`,
  answer: `output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{choices[gold]}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 12, temperature: 0}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]`,
};

interface Sample {
  readonly doc_id: number;
  readonly resps: readonly (readonly unknown[])[];
}

describe.skipIf(command === undefined)('lm-evaluation-harness', () => {
  let server: RunningServer;
  let engine: Engine;
  const samples = new Map<string, Sample[]>();

  beforeAll(async () => {
    engine = await load();
    server = await startServer({ load: () => load(), model: { id: 'glint' }, port: 0, logLevel: 'silent' });
    await server.ready;
    const data = join(folder, 'data.jsonl');
    writeFileSync(data, questions.map((one) => `${JSON.stringify(one)}\n`).join(''));
    for (const [name, text] of Object.entries(tasks)) {
      const dataset = `dataset_path: json\ndataset_kwargs: {data_files: {test: ${data}}}\ntest_split: test`;
      writeFileSync(join(folder, `${name}.yaml`), `task: waferflow_${name}\n${dataset}\n${text}\n`);
    }
    await promisify(execFile)(command!, [
      ...['--model', 'local-completions'],
      ...['--model_args', `model=glint,base_url=${server.url}/v1/completions,num_concurrent=2`],
      ...['--batch_size', '2'],
      ...['--include_path', folder, '--output_path', join(folder, 'out'), '--log_samples'],
      ...[
        '--tasks',
        Object.keys(tasks)
          .map((name) => `waferflow_${name}`)
          .join(),
      ],
    ]);
    for (const file of readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' })) {
      const [, name] = /samples_waferflow_([a-z]+)_/.exec(file) ?? [];
      if (name === undefined) continue;
      const lines = readFileSync(join(folder, 'out', file), 'utf8')
        .trim()
        .split('\n');
      samples.set(
        name,
        lines.map((line) => JSON.parse(line) as Sample),
      );
    }
  }, 300_000);

  afterAll(async () => {
    await server.close();
    await engine.close();
  });

  /** Of the last `count` of the ids. */
  async function logprob(ids: readonly number[], count: number): Promise<number> {
    const { nll } = await engine.score(ids);
    return -nll.slice(nll.length - count).reduce((sum, value) => sum + value, 0);
  }

  it('scores choices as the engine does', async () => {
    expect(samples.get('choice')).toHaveLength(questions.length);
    for (const { doc_id, resps } of samples.get('choice')!) {
      const { question, choices } = questions[doc_id]!;
      for (const [i, choice] of choices.entries()) {
        const before = engine.tokenizer.encode(question, { bos: false });
        const whole = engine.tokenizer.encode(question + choice, { bos: false });
        const [[value]] = resps[i] as [[string]];
        // What lm-eval scores where a token of the whole lies on the border of both.
        const asked = [...before, ...whole.slice(before.length)];
        expect(Number(value)).toBeCloseTo(await logprob(asked, whole.length - before.length), 3);
      }
    }
  });

  it('scores whole texts as the engine does', async () => {
    for (const { doc_id, resps } of samples.get('rolling')!) {
      const text = engine.tokenizer.encode(questions[doc_id]!.question, { bos: false });
      const [end] = engine.tokenizer.eosIds;
      expect(Number((resps[0] as [string])[0])).toBeCloseTo(await logprob([end!, ...text], text.length), 3);
    }
  });

  it('generates what the engine generates', async () => {
    for (const { doc_id, resps } of samples.get('answer')!) {
      const prompt = engine.tokenizer.encode(questions[doc_id]!.question, { bos: false });
      let text = '';
      for await (const piece of engine.generate(prompt, { maxTokens: 12, temperature: 0, stop: '\n' }))
        if (piece.done) text = piece.text;
      expect((resps[0] as [string])[0]).toBe(text);
    }
  });
});
