import { describe, expect, it } from 'vitest';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { waferflow } from './cli.js';

const template =
  "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}[assistant]";

describe('waferflow chat', () => {
  it('answers every line, knows its commands, and says that a model without a template completes text', async () => {
    const model = temporaryFile(tinyModel());
    const { code, stdout, stderr } = await waferflow(['chat', '-m', model, '-n', '3', '-t', '0'], {
      input: 'hello\n/help\n/reset\nhello\n/exit\nnever read\n',
    });
    expect(code).toBe(0);
    const answers = stdout.split(' (length)\n');
    expect(answers).toHaveLength(3);
    expect(answers[1]).toBe(answers[0]);
    expect(stderr).toContain('completion model');
    expect(stderr.match(/Ctrl-C/g)).toHaveLength(2);
  });

  it('keeps the conversation for a model with a template', async () => {
    const model = temporaryFile(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));
    const chat = (input: string): ReturnType<typeof waferflow> =>
      waferflow(['chat', '-m', model, '-n', '9', '-t', '1', '--seed', '3', '--system', 'be brief'], {
        input,
      });
    const twice = await chat('hello\nhello\n');
    const reset = await chat('hello\n/reset\nhello\n');
    expect([twice.code, reset.code]).toEqual([0, 0]);
    expect(twice.stderr).not.toContain('completion model');
    const [first, second] = reset.stdout.split(' (length)\n');
    expect(second).toBe(first);
    expect(twice.stdout).not.toBe(reset.stdout);
  });

  it('goes on after a message that does not fit, and says so', async () => {
    const model = temporaryFile(tinyModel());
    const { code, stdout, stderr } = await waferflow(['chat', '-m', model, '-n', '3'], {
      input: `${'word '.repeat(2000)}\nhello\n`,
    });
    expect(code).toBe(0);
    expect(stderr).toContain('/reset starts again');
    expect(stdout).toContain('(length)');
  });

  it('an interrupt stops the answer and keeps the conversation open', async () => {
    const model = temporaryFile(tinyModel());
    const { code, stdout } = await waferflow(['chat', '-m', model, '-n', '400'], {
      input: 'hello\n/exit\n',
      onStdout: () => 'SIGINT',
    });
    expect(code).toBe(0);
    expect(stdout).toContain('(cancelled)');
  });
});
