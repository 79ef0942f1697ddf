import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { load } from '#src/index.js';
import { tinyModel } from '../helpers/tiny-model.js';
import { waferflow } from './cli.js';

const directory = mkdtempSync(join(tmpdir(), 'waferflow-cli-'));
const model = join(directory, 'tiny.gguf');
const tinyBytes = tinyModel();
writeFileSync(model, tinyBytes);
afterAll(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

interface RunDocument {
  readonly model: string;
  readonly promptIds: number[];
  readonly ids: number[];
  readonly text: string;
  readonly finishReason: string;
  readonly measured: Record<string, unknown>;
  readonly simulated: { machine: string; ttftMs: number; tokensPerSecond: number }[];
}

async function runJson(...args: string[]): Promise<RunDocument> {
  const { code, stdout, stderr } = await waferflow(['run', '--model', model, '--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return JSON.parse(stdout) as RunDocument;
}

describe('waferflow run', () => {
  it('--json prints one document with exactly the promised keys', async () => {
    const document = await runJson('hello', '--max-tokens', '7');
    expect(Object.keys(document)).toEqual([
      'model',
      'promptIds',
      'ids',
      'text',
      'finishReason',
      'measured',
      'simulated',
    ]);
    expect(document.simulated.map(({ machine }) => machine)).toEqual(['wse-3', 'h100']);
    for (const { ttftMs, tokensPerSecond } of document.simulated) {
      expect(ttftMs).toBeGreaterThan(0);
      expect(tokensPerSecond).toBeGreaterThan(0);
    }
    expect(Object.keys(document.measured)).toEqual([
      'loadMs',
      'ttftMs',
      'prefillTokensPerSecond',
      'decodeTokensPerSecond',
      'workers',
      'simd',
    ]);
    expect(document.ids).toHaveLength(7);
    expect(document.finishReason).toBe('length');
    for (const key of ['loadMs', 'ttftMs', 'prefillTokensPerSecond', 'decodeTokensPerSecond']) {
      expect(document.measured[key]).toBeGreaterThan(0);
    }
  });

  it('takes ids as they are, and gives for them what it gives for their text', async () => {
    const byText = await runJson('hello', '--max-tokens', '9');
    const byIds = await runJson(
      '--prompt-ids',
      byText.promptIds.join(','),
      '--max-tokens',
      '9',
      '--workers',
      '1',
    );
    expect(byIds.promptIds).toEqual(byText.promptIds);
    expect(byIds.ids).toEqual(byText.ids);
    expect(byIds.measured.workers).toBe(1);
  });

  it('gives the same text for the same seed, and another for another', async () => {
    const draw = async (seed: string): Promise<number[]> =>
      (await runJson('hello', '--temperature', '1', '--max-tokens', '12', '--seed', seed)).ids;
    const [first, again, other] = [await draw('1'), await draw('1'), await draw('2')];
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('ends before a stop string and returns none of it', async () => {
    const { text } = await runJson('hello', '--max-tokens', '20');
    const stop = text.slice(8, 11);
    const stopped = await runJson('hello', '--max-tokens', '20', '--stop', 'not in there', '--stop', stop);
    expect(stopped.finishReason).toBe('stop');
    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
  });

  it('streams prompt and text to stdout, and to stderr a line of measured figures, then simulated ones', async () => {
    const { text } = await runJson('hello', '--max-tokens', '7');
    const { code, stdout, stderr } = await waferflow(['run', 'hello', '-m', model, '-n', '7']);
    expect(code).toBe(0);
    expect(stdout).toBe(`hello${text}\n`);
    const [measured, ...simulated] = stderr.trim().split('\n');
    expect(measured).toMatch(/7 tokens at [\d.,]+ tokens\/s/);
    expect(simulated).toHaveLength(2);
    for (const line of simulated)
      expect(line).toMatch(/^simulated \S+: the same tokens at [\d.,]+ tokens\/s/);
  });

  it('reads a piped prompt, as UTF-8', async () => {
    const byArgument = await runJson('g\u00fcte', '--max-tokens', '3');
    for (const args of [[], ['-']]) {
      const { code, stdout } = await waferflow(['run', ...args, '-m', model, '--json', '-n', '3'], {
        input: 'g\u00fcte',
      });
      expect(code).toBe(0);
      expect((JSON.parse(stdout) as RunDocument).promptIds).toEqual(byArgument.promptIds);
    }
  });

  it('completes the default prompt where standard input is empty', async () => {
    const { code, stdout, stderr } = await waferflow(['run', '-m', model, '-n', '1'], { input: '' });
    expect(code).toBe(0);
    expect(stdout).toContain('export async function readLines');
    expect(stderr).toContain('standard input is empty');
  });

  it('an interrupt ends it with 130', async () => {
    const { code, stdout } = await waferflow(['run', 'hello', '-m', model, '-n', '400'], {
      onStdout: (seen) => (seen.length > 10 ? 'SIGINT' : undefined),
    });
    expect(code).toBe(130);
    expect(stdout.startsWith('hello')).toBe(true);
  });
});

describe('run, where the model has a chat template', () => {
  const template =
    "{% for m in messages %}[{{ m['role'] }}]{{ m['content'] }}{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}";
  const chat = join(directory, 'chat.gguf');
  writeFileSync(chat, tinyModel({ metadata: { 'tokenizer.chat_template': template } }));
  const ids = async (args: string[], input?: string): Promise<number[]> => {
    const flags = ['run', ...args, '-m', chat, '-n', '2', '--json'];
    const { code, stdout, stderr } = await waferflow(flags, input === undefined ? {} : { input });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return (JSON.parse(stdout) as RunDocument).promptIds;
  };
  const encoded = async (text: string): Promise<number[]> => {
    const engine = await load(chat, { workers: 1 });
    try {
      return engine.tokenizer.encode(text, { special: true, bos: false });
    } finally {
      await engine.close();
    }
  };

  it('uses it; --raw goes on with the text', async () => {
    expect(await ids(['hi'])).toEqual(await encoded('[user]hi[assistant]'));
    expect((await ids(['hi', '--raw'])).length).toBeLessThan((await ids(['hi'])).length);
  });

  it('--system comes first, and standard input after the prompt', async () => {
    const both = await ids(['Summarise:', '--system', 'be brief'], 'a long text');
    expect(both).toEqual(await encoded('[system]be brief[user]Summarise:\n\na long text[assistant]'));
  });

  it('streams the answer alone, without the prompt', async () => {
    const { stdout } = await waferflow(['run', 'hi', '-m', chat, '-n', '7']);
    expect(stdout).not.toContain('hi');
    expect(stdout.length).toBeGreaterThan(3);
  });

  it.each([
    [['run', 'x', '-m', model, '--system', 'be brief'], /--system: got instructions to .* completion model/],
    [['run', 'x', '-m', chat, '--system', 'be brief', '--raw'], /--system is part of a chat template/],
    [['run', 'x', '--format', 'json', '--grammar', 'root ::= "a"'], /one of --format, --json-schema/],
    [['run', 'x', '--json-schema', '{"type": 7}'], /schema/],
  ])('%j is bad usage', async (args, message) => {
    const { code, stdout, stderr } = await waferflow(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });
});

describe('run holds the answer to a form', () => {
  const point = '{"type":"object","properties":{"x":{"type":"integer","maximum":9}},"required":["x"]}';
  const forms: readonly (readonly [args: string[], text: RegExp])[] = [
    [['--json-schema', point], /^\{\s*"x"\s*:\s*-?\d+/],
    [['--json-schema', join(directory, 'point.json')], /^\{\s*"x"\s*:\s*-?\d+/],
    [['--grammar', 'root ::= "ab" "c"'], /^abc$/],
    [['--grammar', join(directory, 'abc.gbnf')], /^abc$/],
  ];
  writeFileSync(join(directory, 'point.json'), point);
  writeFileSync(join(directory, 'abc.gbnf'), 'root ::= "a" "b" "c"');

  it.each(forms)('%j', async (args, text) => {
    expect((await runJson('hello', '--max-tokens', '60', ...args)).text).toMatch(text);
  });

  it('--format json', async () => {
    expect((await runJson('hello', '--max-tokens', '20', '--format', 'json')).text).toMatch(
      /^\s*[[{"\dtfn-]/,
    );
  });
});

describe('waferflow score', () => {
  it('--ids: argmax and nll of the tokens after each position', async () => {
    const generated = await runJson('hello', '--max-tokens', '9');
    const ids = [...generated.promptIds, ...generated.ids];
    const { code, stdout } = await waferflow(['score', '-m', model, '--ids', ids.join(','), '--json']);
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as Record<string, unknown> & { argmax: number[]; nll: number[] };
    expect(Object.keys(document)).toEqual(['tokens', 'argmax', 'nll', 'bitsPerByte', 'perplexity']);
    expect(document.tokens).toBe(ids.length);
    // What greedy decoding generated is the argmax at every position from the last of the prompt on.
    expect(document.argmax.slice(generated.promptIds.length - 1, -1)).toEqual(generated.ids);
    const mean = document.nll.reduce((sum, nats) => sum + nats, 0) / document.nll.length;
    expect(document.perplexity).toBeCloseTo(Math.exp(mean), 6);
  });

  it('--text: bits per byte of the whole file', async () => {
    const text = 'hello w\u00f6rld\nhello';
    const { code, stdout } = await waferflow([
      'score',
      '-m',
      model,
      '--text',
      file('text.txt', text),
      '--json',
    ]);
    expect(code).toBe(0);
    const { nll, bitsPerByte } = JSON.parse(stdout) as { nll: number[]; bitsPerByte: number };
    const bits = nll.reduce((sum, nats) => sum + nats, 0) / Math.LN2;
    expect(bitsPerByte).toBeCloseTo(bits / Buffer.byteLength(text), 9);
  });

  it('prints a few lines for people', async () => {
    const { code, stdout } = await waferflow(['score', '-m', model, '--ids', '1,300,301,302']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/perplexity +[\d.,]+ per token/);
  });
});

describe('bad input', () => {
  const run = (...args: string[]): string[] => ['run', '-m', model, ...args];
  const cases: readonly (readonly [name: string, args: string[], code: number, message: RegExp])[] = [
    ['no such command', ['fly'], 2, /unknown command 'fly'/],
    ['no such option', run('--warp', '9'), 2, /unknown option/],
    ['a word as a number', run('x', '--max-tokens', 'many'), 2, /Expected a number/],
    ['max-tokens 0', run('x', '-n', '0'), 2, /--max-tokens: got 0/],
    ['temperature below 0', run('x', '-t', '-1'), 2, /--temperature: got -1/],
    ['top-p 0', run('x', '--top-p', '0'), 2, /--top-p: got 0/],
    ['top-p above 1', run('x', '--top-p', '1.5'), 2, /--top-p: got 1.5/],
    ['top-k 1.5', run('x', '--top-k', '1.5'), 2, /--top-k: got 1.5/],
    ['min-p 2', run('x', '--min-p', '2'), 2, /--min-p: got 2/],
    ['an empty stop string', run('x', '--stop', ''), 2, /--stop: got/],
    ['seed 0.5', run('x', '--seed', '0.5'), 2, /--seed: got 0.5/],
    ['workers 0', run('x', '--workers', '0'), 2, /integer of at least 1/],
    ['context 0', run('x', '--context', '0'), 2, /integer of at least 1/],
    [
      'more context than the model has',
      run('x', '--context', '100000'),
      2,
      /--context: got 100000.*--rope-scaling stretches it/,
    ],
    ['an empty prompt', run(''), 2, /empty/],
    ['a prompt longer than the context', run('word '.repeat(2000)), 2, /512|511/],
    ['two prompts', run('x', '--prompt-ids', '1'), 2, /both/],
    ['ids that are no numbers', run('--prompt-ids', '1,x'), 2, /token ids|number/],
    ['an id outside the vocabulary', run('--prompt-ids', '1,99999'), 2, /99999/],
    ['no such model name', ['run', 'x', '-m', 'nothing-of-that-name'], 2, /nothing-of-that-name/],
    ['no such file', ['run', 'x', '-m', join(directory, 'none.gguf')], 1, /no such file/],
    ['a folder without a model', ['run', 'x', '-m', directory], 1, /config\.json: got no such file/],
    ['an empty file', ['run', 'x', '-m', file('empty.gguf', '')], 1, /empty\.gguf/],
    ['wrong magic', ['run', 'x', '-m', file('magic.gguf', 'not a model at all, only text')], 1, /magic/],
    [
      'a file cut off',
      ['run', 'x', '-m', file('cut.gguf', tinyBytes.subarray(0, tinyBytes.length >> 1))],
      1,
      /cut\.gguf/,
    ],
    ['score: neither text nor ids', ['score', '-m', model], 2, /--text FILE, --ids 1,2,3 and --jsonl/],
    [
      'score: no such text',
      ['score', '-m', model, '--text', join(directory, 'none.txt')],
      1,
      /none\.txt: got no such file/,
    ],
    [
      'score: not UTF-8',
      ['score', '-m', model, '--text', file('latin1.txt', Uint8Array.of(97, 98, 0xfc, 99))],
      1,
      /byte 2/,
    ],
    ['score: an empty text', ['score', '-m', model, '--text', file('empty.txt', '')], 2, /at least 2/],
    ['score: one id', ['score', '-m', model, '--ids', '1'], 2, /at least 2/],
  ];

  it.each(cases)('%s', async (_, args, code, message) => {
    const outcome = await waferflow([...args, ...(args[0] === 'run' ? ['--json'] : [])]);
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stdout).toBe('');
    expect(outcome.code).toBe(code);
    expect(outcome.stderr).not.toMatch(/^ +at /m);
  });

  it('a prompt on standard input that is not UTF-8', async () => {
    const { code, stderr } = await waferflow(run('--json'), { input: Uint8Array.of(0x41, 0xff) });
    expect(code).toBe(1);
    expect(stderr).toContain('standard input, byte 1');
  });
});
