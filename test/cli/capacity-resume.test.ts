/** A search that is killed and run again ends with the same bytes as one that was not. */
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWaferflow, until } from './capacity-runs.js';
import { waferflow } from './cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'waferflow-resume-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const search = (file: string): string[] => [
  'capacity',
  '--model',
  'llama-3.1-8b',
  '--machine',
  'h100,h200',
  '--rate',
  '10',
  '--requests',
  '1000',
  '--json',
  '--resume',
  file,
];

const lines = (file: string): number =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
/** The command line differs by the name of the file. */
const answersOf = (stdout: string): unknown => {
  const { command, ...rest } = JSON.parse(stdout) as { command: string };
  expect(command).toContain('--resume');
  return rest;
};

describe('waferflow capacity --resume', () => {
  it('goes on after SIGKILL, even when the last line is torn, and ends with the same bytes', async () => {
    const whole = join(folder, 'whole.jsonl');
    const killed = join(folder, 'killed.jsonl');
    const first = await waferflow(search(whole));
    expect(first.code).toBe(0);
    const total = lines(whole);
    expect(total).toBeGreaterThan(20);

    const run = startWaferflow(search(killed));
    await until('some results', () => lines(killed) > total / 3);
    run.child.kill('SIGKILL');
    await run.ended;
    const kept = lines(killed);
    expect(kept).toBeGreaterThan(total / 3);
    expect(kept).toBeLessThan(total);
    expect(readFileSync(whole, 'utf8').startsWith(readFileSync(killed, 'utf8').replace(/[^\n]*$/, ''))).toBe(
      true,
    );
    // A line that the kernel had only half of when the machine went down.
    appendFileSync(killed, '{"job":{"kind":"least","mach');

    const second = await waferflow(search(killed));
    expect(second.code).toBe(0);
    expect(second.stderr).toContain(`${kept - 1} results from`);
    expect(readFileSync(killed)).toEqual(readFileSync(whole));
    expect(answersOf(second.stdout)).toEqual(answersOf(first.stdout));

    // Done already: nothing is computed, nothing is written.
    const third = await waferflow(search(killed));
    expect(answersOf(third.stdout)).toEqual(answersOf(first.stdout));
    expect(readFileSync(killed)).toEqual(readFileSync(whole));

    // A file that was cut off within its first line begins anew.
    truncateSync(killed, 10);
    const fourth = startWaferflow(search(killed));
    await until('a first result', () => lines(killed) > 1);
    fourth.child.kill('SIGINT');
    expect(await fourth.ended).toBe(130);
    expect(readFileSync(whole, 'utf8').startsWith(readFileSync(killed, 'utf8'))).toBe(true);
  });

  it.each([
    ['the results of another search', '{"waferflow":"capacity","sweep":"0"}\n', 'another search'],
    ['some other file', 'hello\nworld\n', 'another kind of file'],
  ])('leaves %s alone', async (_, content, said) => {
    const file = join(folder, 'other.jsonl');
    writeFileSync(file, content);
    const { code, stderr } = await waferflow(search(file));
    expect(code).toBe(1);
    expect(stderr).toContain(said);
    expect(readFileSync(file, 'utf8')).toBe(content);
  });
});
