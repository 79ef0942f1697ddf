import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { inFlags, reportFailure } from '#src/cli/failure.js';
import { FormatError, OptionError } from '#src/core/errors.js';
import { BINARY } from './cli.js';

afterEach(() => vi.restoreAllMocks());

function said(thrown: unknown): { code: number; text: string } {
  const lines: unknown[] = [];
  vi.spyOn(console, 'error').mockImplementation((line) => lines.push(line));
  return { code: reportFailure(thrown, null), text: lines.join('\n') };
}

const failing = (code: string, message: string): Error => Object.assign(new Error(message), { code });

describe('reportFailure', () => {
  it.each(['echarts', 'gpu.js', 'bullmq'])(
    'an optional package that is missing is a hint in one line: %s',
    (name) => {
      const { code, text } = said(
        failing('ERR_MODULE_NOT_FOUND', `Cannot find package '${name}' imported from x.js`),
      );
      expect(code).toBe(1);
      expect(text).toMatch(new RegExp(`npm install ${name}$`));
      expect(text).not.toContain('internal error');
    },
  );

  it('any other missing module is an error of ours', () => {
    const { text } = said(failing('ERR_MODULE_NOT_FOUND', "Cannot find package 'zod' imported from x.js"));
    expect(text).toContain('internal error');
  });

  it.each(['EMFILE', 'ENOSPC'])('%s is the machine, not a bug', (code) => {
    expect(said(failing(code, 'x')).text).not.toContain('internal error');
  });

  it('what a file or a server says cannot steer the terminal', () => {
    const terminal = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY');
    Object.defineProperty(process.stderr, 'isTTY', { value: true, configurable: true });
    onTestFinished(() => {
      if (terminal) Object.defineProperty(process.stderr, 'isTTY', terminal);
      else Reflect.deleteProperty(process.stderr, 'isTTY');
    });
    const given = 'a \u001b]0;title\u0007 and \u009b2J';
    for (const thrown of [
      new FormatError({ what: 'file', given, expected: 'x', todo: 'y' }),
      new Error(given),
    ]) {
      const { text } = said(thrown);
      expect(text).toContain('a ]0;title and 2J');
      expect(text).not.toMatch(/[^\P{Cc}\n]/u);
    }
  });

  it('a bad value is 2', () => {
    const facts = { what: 'option x', given: '1', expected: '2', todo: 'Use 2.' };
    expect(said(new OptionError(facts)).code).toBe(2);
  });
});

describe('the binary', () => {
  it('says in one line that it may not open enough files to start', () => {
    const command = `ulimit -n 40; ${process.execPath} ${BINARY} --version`;
    const { status, stderr } = spawnSync('bash', ['-c', command], { encoding: 'utf8' });
    expect(stderr).toMatch(/^waferflow: too many open files: .*ulimit -n 4096`\.\n$/);
    expect(status).toBe(1);
  });
});

describe('inFlags', () => {
  const command = new Command().option('--max-tokens <n>').option('--seed <n>').option('--rope-scaling <x>');

  it.each([
    ['option maxTokens: got 0', '--max-tokens: got 0'],
    ['option seed: got 0.5', '--seed: got 0.5'],
    ['up to 512; ropeScaling stretches it', 'up to 512; --rope-scaling stretches it'],
    ['a seed of sunflowers', 'a seed of sunflowers'],
    ['model "maxTokens"', 'model "maxTokens"'],
  ])('%s -> %s', (message, expected) => expect(inFlags(message, command)).toBe(expected));
});
