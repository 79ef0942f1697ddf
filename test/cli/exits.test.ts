/** One rule for all commands: 1 where something failed, 2 where what was typed is wrong; both say what, and what to do. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { BINARY } from './cli.js';

const folder = mkdtempSync(join(tmpdir(), 'waferflow-exits-'));
afterAll(() => rmSync(folder, { recursive: true }));
copyFileSync('models/glint/glint-q8_0.gguf', join(folder, 'model.gguf'));
writeFileSync(join(folder, 'bad.json'), '{');
writeFileSync(join(folder, 'list.json'), '[]');

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string): Promise<Ended> {
  return new Promise((done) => {
    const line = command.replace(/^waferflow/, `${process.execPath} ${resolve(BINARY)}`);
    const env = { ...process.env, HF_ENDPOINT: 'http://127.0.0.1:9', NO_COLOR: '1' };
    const shell = execFile('bash', ['-c', line], { cwd: folder, env }, (error, stdout, stderr) => {
      done({ code: Number(error?.code ?? 0), stdout, stderr });
    });
    shell.stdin?.end();
  });
}

const SENTENCE = /^waferflow: .+: got .+, expected .+\. [A-Z].+\.\n$/s;
const SYSTEM = /^waferflow: [a-z][^\n]+: [^\n]+\.\n$/;
const USAGE = /^error: [^\n]+\n(.*\n)?Add --help to see what the command takes\.\n$/;

const FAILED = [
  'run x --model nope.gguf',
  'run x --grammar nope.gbnf',
  'chat --model nope.gguf',
  'chat --mcp nope.json',
  'score --text nope.txt',
  'embed --model nope.gguf x',
  'show nope.gguf',
  'inspect bad.json',
  'pull hf:a/b',
  'convert nope.gguf out.gguf',
  'quantize nope.gguf out.gguf q4_0',
  'quantize model.gguf nope/out.gguf q4_0',
  'ps --url http://127.0.0.1:1',
  'stop glint --url http://127.0.0.1:1',
  'fabric ./nope.mjs',
  'fabric broadcast --pes 4x4 --machine nope.json',
  'fabric broadcast --pes 4x4 --trace nope/trace.json',
  'fabric broadcast --pes 4x4 --trace /dev/full',
  'plan --model nope.gguf',
  'plan --machine nope.json',
  'plan --html nope/plan.html',
  'validate --wafer nope.csv',
  'validate --points .',
  'capacity --trace nope.csv',
  'capacity --resume nope/rows.jsonl --rate 1 --prompt 10 --output 10',
  'bench model --model nope.gguf',
  'bench serve --url http://127.0.0.1:1 --trace nope.csv',
  'eval --model nope.gguf',
  'serve --model nope.gguf --port 0',
  'serve --api-keys nope.txt --port 0',
  'tokenize --model nope.gguf x',
  'template render nope.json',
  'template render bad.json',
  'template parse list.json',
  'template render --model model.gguf list.json',
];
const WRONG = [
  'nope',
  'run --nope',
  'run x --model nope',
  'run x --json-schema {',
  'score --ids a',
  'pull nope',
  'rm nope',
  'cp nope x',
  'quantize model.gguf model.gguf q4_0',
  'quantize model.gguf out.gguf q99',
  'ps --url nope',
  'stop',
  'fabric nope',
  'fabric broadcast --pes 0x0',
  'fabric broadcast --pes 2000x2000',
  'plan --weights 3',
  'capacity --users 0',
  'bench model -p x',
  'eval --suite nope',
  'serve --port 99999',
  'serve --host nope.invalid --port 0',
  'ui --port 99999',
  'keys',
  'tokenize --ids 99999999',
  'template render --jsonl --model model.gguf --file bad.json',
];

describe.each([
  ['1', FAILED],
  ['2', WRONG],
] as const)('exit code %s', (code, commands) => {
  it.each(commands)('waferflow %s', async (command) => {
    const ended = await run(`waferflow ${command}`);
    expect(ended.stderr).toMatch(new RegExp(`${SENTENCE.source}|${SYSTEM.source}|${USAGE.source}`, 's'));
    expect(ended.stderr).not.toMatch(/internal error|\bE[A-Z]{4,}\b: |undefined|NaN/);
    expect(ended.code).toBe(Number(code));
    expect(ended.stdout).toBe('');
  });
});

it('a model is not written over itself', async () => {
  await run('waferflow quantize model.gguf ./model.gguf q4_0');
  expect(readFileSync(join(folder, 'model.gguf'))).toEqual(readFileSync('models/glint/glint-q8_0.gguf'));
});

it.each(['run x -n 1 --json', 'show', 'fabric list', 'plan --json', 'tokenize x', '--help'])(
  'a full disk behind stdout is said in a line: %s',
  async (command) => {
    const { code, stderr } = await run(`waferflow ${command} > /dev/full`);
    expect(stderr).toMatch(/^waferflow: the disk is full/m);
    expect(code).toBe(1);
  },
);

it.each(['show', 'list', 'machines', 'help run'])(
  'who reads one line only is no failure: %s',
  async (command) => {
    const { stdout, stderr } = await run(`waferflow ${command} | head -1; exit \${PIPESTATUS[0]}`);
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toHaveLength(2);
  },
);

it.each(['run -n 1', 'chat -n 1'])('standard input may be closed: %s', async (command) => {
  expect((await run(`waferflow ${command} <&-`)).code).toBe(0);
});
