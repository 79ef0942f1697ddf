/** Nothing that a model writes may reach the machine: ways out are tried, and limits hold. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { processWalls, Sandbox } from '#src/eval/sandbox/sandbox.js';

const sandbox = new Sandbox();
afterAll(() => sandbox.close());

const value = async (source: string, call: string): Promise<unknown> => {
  const verdict = await sandbox.run({ source, calls: [call] });
  if (verdict.kind !== 'done') throw new Error(`${verdict.kind}: ${verdict.message}`);
  const [outcome] = verdict.outcomes;
  return 'value' in outcome! ? outcome.value : { threw: outcome!.threw };
};

describe('programs', () => {
  it('run as TypeScript, exports and types taken off', async () => {
    const source =
      'enum E { A = 3 }\nexport const k: number = 2;\nexport function f<T>(a: T[]): number { return a.length + k + E.A; }';
    expect(await value(source, 'f([1, 2])')).toBe(7);
  });

  it('give values as they are: undefined, NaN, infinities, nested arrays', async () => {
    expect(await value('', '[undefined, NaN, -Infinity, [null, { a: 1 }]].length')).toBe(4);
    expect(await value('', 'undefined')).toBe(undefined);
    expect(await value('', 'NaN')).toBe(Number.NaN);
    expect(await value('', '-Infinity')).toBe(Number.NEGATIVE_INFINITY);
  });

  it('are refused by syntax, told apart from those that throw', async () => {
    expect((await sandbox.run({ source: 'function f(a: {' })).kind).toBe('syntax');
    expect((await sandbox.run({ source: 'const x: number = ;', parseOnly: true })).kind).toBe('syntax');
    expect((await sandbox.run({ source: 'const x = 1;', parseOnly: true })).kind).toBe('done');
    expect(await sandbox.run({ source: 'throw new Error("no")' })).toEqual({ kind: 'threw', message: 'no' });
  });

  it('see nothing of the programs before them', async () => {
    await sandbox.run({ source: 'globalThis.leak = 1; Array.prototype.leak = 2;' });
    expect(await value('', '[typeof leak, typeof [].leak]')).toEqual(['undefined', 'undefined']);
  });

  it('cannot change the tests that judge them', async () => {
    const tests = 'assert.strictEqual(f(), 2);';
    for (const trick of [
      'function f() { return 1 } try { assert.strictEqual = () => {} } catch {}',
      'function f() { return 1 } try { globalThis.assert = { strictEqual() {} } } catch {}',
      'function f() { return 1 } Object.is = () => true;',
      'function f() { return 1 } try { Object.defineProperty(globalThis, "assert", { value: { strictEqual() {} } }) } catch {}',
    ]) {
      expect(await sandbox.run({ source: trick, tests })).toMatchObject({ kind: 'threw' });
    }
    expect(await sandbox.run({ source: 'function f() { return 2 }', tests })).toMatchObject({ kind: 'done' });
  });
});

describe('ways out', () => {
  it.each([
    'process',
    'fetch',
    'XMLHttpRequest',
    'WebSocket',
    'setTimeout',
    'Date',
    'performance',
    'WebAssembly',
    'Worker',
    'Deno',
    'std',
    'os',
  ])('there is no %s, not even for a function made of text', async (name) => {
    expect(await value('', `typeof ${name}`)).toBe('undefined');
    expect(await value('', `Function('return typeof ${name}')()`)).toBe('undefined');
    expect(await value('', `[].constructor.constructor('return typeof ${name}')()`)).toBe('undefined');
    expect(await value('', `(0, eval)('typeof ${name}')`)).toBe('undefined');
  });

  it.each([
    "require('fs')",
    "require('child_process').execSync('id')",
    "require('assert').constructor('return process')()",
    "globalThis.constructor.constructor('return process')()",
    "(() => { try { null.x } catch (error) { return error.constructor.constructor('return process')() } })()",
    "console.log.constructor('return process')()",
  ])('%s throws', async (call) => {
    expect(await value('', call)).toHaveProperty('threw');
  });

  it('reads, writes and sends nothing where a module is imported', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sandbox-'));
    writeFileSync(join(folder, 'secret'), 'secret');
    let requests = 0;
    const server = createServer((_, response) => {
      requests += 1;
      response.end();
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const source = `let seen = '';
      const tell = (name) => (module) => { seen += name; };
      import('node:fs').then((fs) => { fs.writeFileSync(${JSON.stringify(join(folder, 'out'))}, 'x'); seen += 'fs'; }).catch(() => {});
      import('node:net').then((net) => net.connect(${port})).then(tell('net')).catch(() => {});
      import(${JSON.stringify(`file://${join(folder, 'secret')}`)}).then(tell('file')).catch(() => {});
      import('http://127.0.0.1:${port}/').then(tell('http')).catch(() => {});`;
    await sandbox.run({ source, calls: ['seen'] });
    expect(await value(`${source}`, 'seen')).toBe('');
    await new Promise((resolve) => setTimeout(resolve, 100));
    server.close();
    expect(requests).toBe(0);
    expect(readdirSync(folder)).toEqual(['secret']);
  });

  it.each([
    "require('fs').readFileSync('/etc/passwd')",
    "require('fs').writeFileSync(require('os').tmpdir() + '/sandbox-out', 'x')",
    "require('child_process').execSync('id')",
    "new (require('worker_threads').Worker)('1', { eval: true })",
    "process.binding('fs')",
  ])('even Node.js around it refuses %s', async (code) => {
    const said = await new Promise<string>((resolve) => {
      execFile(process.execPath, [...processWalls(), '-e', code], (error, _, stderr) =>
        resolve(error === null ? 'done' : stderr),
      );
    });
    expect(said).toContain('ERR_ACCESS_DENIED');
  });

  it('has no clock and no chance: the same numbers every time', async () => {
    const call = '[Math.random(), Math.random()]';
    expect(await value('', call)).toEqual(await value('', call));
  });
});

describe('limits', () => {
  it.each([
    ['steps', 'for (;;) {}'],
    ['steps in a getter of the answer', 'const f = 1; const o = { get a() { for (;;) {} } }; o.a'],
    ['promises that follow each other', 'const again = () => Promise.resolve().then(again); again();'],
  ])('%s', async (_, source) => {
    expect((await sandbox.run({ source })).kind).toBe('limit');
  });

  it('memory, and the next program runs', async () => {
    const verdict = await sandbox.run({
      source: 'const all = []; for (;;) all.push("x".repeat(1e6) + all.length);',
    });
    expect(verdict.kind).not.toBe('done');
    expect(await value('', '1 + 1')).toBe(2);
  });

  it('depth', async () => {
    const verdict = await sandbox.run({ source: 'const f = (n) => 1 + f(n + 1); f(0);' });
    expect(verdict.kind).toBe('threw');
    expect((await sandbox.run({ source: '['.repeat(20_000) })).kind).not.toBe('done');
  });

  it('time, where a regular expression never comes back, and the next program runs', {
    timeout: 30_000,
  }, async () => {
    const verdict = await sandbox.run({ source: '/^(a+)+$/.test("a".repeat(60) + "b")' });
    expect(verdict.kind).toBe('limit');
    expect(await value('', '1 + 1')).toBe(2);
  });
});
