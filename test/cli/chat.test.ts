import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFile, tinyModel } from '../helpers/tiny-model.js';
import { type Outcome, waferflow } from './cli.js';

const template =
  "{% for message in messages %}[{{ message['role'] }}]{{ message['content'] }}{% endfor %}[assistant]";
const endless = ['-n', '3', '-t', '0'];
const chatModel = (): string =>
  temporaryFile(tinyModel({ metadata: { 'tokenizer.chat_template': template } }));

function chat(args: string[], input: string, env: Record<string, string> = {}): Promise<Outcome> {
  return waferflow(['chat', ...endless, ...args], { input, env });
}

describe('waferflow chat', () => {
  it('answers every line, knows its commands, and says that a model without a template completes text', async () => {
    const model = temporaryFile(tinyModel());
    const once = await chat(['-m', model], 'hello\n');
    const twice = await chat(['-m', model], 'hello\n/reset\nhello\n/exit\nnever read\n');
    expect([once.code, twice.code]).toEqual([0, 0]);
    expect(twice.stdout).toBe(once.stdout + once.stdout);
    expect(twice.stderr).toContain('completion model');
    expect(twice.stderr.match(/\(length\)/g)).toHaveLength(2);
    expect(twice.stdout).not.toContain('(length)');
    expect(twice.stderr).toContain('forgotten');
  });

  it('keeps the conversation for a model with a template, and forgets it on /reset', async () => {
    const model = chatModel();
    const args = ['-m', model, '-n', '9', '-t', '1', '--seed', '3', '--system', 'be brief'];
    const once = await chat(args, 'hello\n');
    const twice = await chat(args, 'hello\nhello\n');
    const reset = await chat(args, 'hello\n/reset\nhello\n');
    expect(twice.stderr).not.toContain('completion model');
    expect(reset.stdout).toBe(once.stdout + once.stdout);
    expect(twice.stdout).not.toBe(reset.stdout);
  });

  it('takes lines between """ as one turn, and a first message as an argument', async () => {
    const model = chatModel();
    const block = await chat(['-m', model], '"""one\ntwo"""\n');
    expect(block.stderr.match(/\(length\)/g)).toHaveLength(1);
    const fenced = await chat(['-m', model], '"""\none\ntwo\n"""\n');
    expect(fenced.stdout).toBe(block.stdout);
    const argument = await chat(['-m', model, 'one\ntwo'], '');
    expect(argument.stdout).toBe(block.stdout);
  });

  it.each(['/warp', '/set', '/set warp 9', '/set temperature hot', '/load nothing-of-that-name', '/save'])(
    '%s is refused, and nothing of it goes to the model',
    async (line) => {
      const { code, stdout, stderr } = await chat(['-m', chatModel()], `${line}\n/bye\n`);
      expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
      expect(stderr.split('\n').filter(Boolean).length).toBeGreaterThan(1);
    },
  );

  it('a path that begins with a slash is no command', async () => {
    const { stderr } = await chat(['-m', chatModel()], '/usr/bin/env is what?\n');
    expect(stderr).toContain('(length)');
    expect(stderr).not.toContain('no command');
  });

  it('/set, /system, /show and /help', async () => {
    const input = '/set temperature 0.25\n/set max_tokens 5\n/system be kind\n/show\n/help\n/bye\n';
    const { stderr } = await chat(['-m', chatModel()], input);
    expect(stderr).toContain('"temperature":0.25');
    expect(stderr).toContain('"maxTokens":5');
    expect(stderr).toMatch(/system +be kind/);
    for (const name of ['save', 'load', 'system', 'set', 'show', 'reset', 'help', 'bye'])
      expect(stderr).toMatch(new RegExp(`^/${name} `, 'm'));
  });

  it('/save keeps a conversation, and /load goes on with it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'waferflow-chats-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const model = chatModel();
    const env = { WAFERFLOW_CHATS: folder };
    const whole = await chat(['-m', model], 'one\n/save mine\ntwo\n', env);
    expect(readdirSync(folder)).toEqual(['mine.json']);
    const { messages } = JSON.parse(readFileSync(join(folder, 'mine.json'), 'utf8')) as {
      messages: { role: string; content: string }[];
    };
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
    const rest = await chat(['-m', model], '/load mine\ntwo\n', env);
    expect(whole.stdout.endsWith(rest.stdout)).toBe(true);
    expect(rest.stdout.length).toBeGreaterThan(1);
  });

  it('leaves out what was said first when the context is full, and goes on', async () => {
    const line = `${'word '.repeat(60)}\n`;
    const { code, stderr } = await chat(['-m', chatModel(), '--context', '512'], line.repeat(6));
    expect(code).toBe(0);
    expect(stderr).toContain('left out');
    expect(stderr.match(/\(length\)/g)).toHaveLength(6);
  });

  it('goes on after a message that alone does not fit, and says so', async () => {
    const { code, stderr } = await chat(
      ['-m', temporaryFile(tinyModel())],
      `${'word '.repeat(2000)}\nhello\n`,
    );
    expect(code).toBe(0);
    expect(stderr).toContain('/reset starts again');
    expect(stderr).toContain('(length)');
  });

  it('an interrupt stops the answer and keeps the conversation open', async () => {
    const model = temporaryFile(tinyModel());
    const { code, stderr } = await waferflow(['chat', '-m', model, '-n', '400'], {
      input: 'hello\n/exit\n',
      onStdout: () => 'SIGINT',
    });
    expect(code).toBe(0);
    expect(stderr).toContain('(cancelled)');
  });
});
