import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { BINARY, ROOT, waferflow } from './cli.js';

/** Runs a line of bash in which `waferflow` is the built binary. */
function bash(line: string): Promise<{ stdout: string; stderr: string }> {
  const script = `waferflow() { "${process.execPath}" "${BINARY}" "$@"; }; set -o pipefail; { ${line}; } < /dev/null`;
  return promisify(execFile)('bash', ['-c', script], { cwd: ROOT });
}

const commands = [
  'run',
  'tokenize',
  'chat',
  'score',
  'embed',
  'eval',
  'models',
  'models pull',
  'models rm',
  'list',
  'pull',
  'rm',
  'cp',
  'show',
  'inspect',
  'ps',
  'stop',
  'doctor',
  'keys',
];
/** Needs the network, or a model that it fetched. */
const remote = /waferflow (models )?(pull|rm|cp|ps|stop)/;

describe('--help', () => {
  it.each(commands)('%s has examples, and they work as printed', async (command) => {
    const { code, stdout, stderr } = await waferflow([...command.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const examples = [...stdout.matchAll(/^ +\$ (.*)$/gm)].map(([, line]) => line!);
    expect(examples.length).toBeGreaterThan(0);
    for (const line of examples) {
      expect(line).toContain(`waferflow ${command}`);
      if (!remote.test(line)) await bash(line);
    }
  });

  it('lists every command', async () => {
    const { stdout } = await waferflow(['--help']);
    for (const command of commands)
      expect(stdout).toMatch(new RegExp(`^ +${command.split(' ')[0]}[ |]`, 'm'));
  });

  it('no command at all is bad usage, with the help on stderr', async () => {
    const { code, stdout, stderr } = await waferflow([]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: waferflow');
  });
});

describe('pipes', () => {
  it('a reader that has seen enough ends the command quietly', async () => {
    const { stdout, stderr } = await bash('waferflow run x -n 200 | head -c 1; echo :$PIPESTATUS');
    expect(stdout).toBe('x:0\n');
    expect(stderr).not.toContain('EPIPE');
  });
});
