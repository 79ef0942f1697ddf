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

describe('tests', () => {
  const tests = `assert.strictEqual(number(), 2);
    assert.deepStrictEqual(list(), [1, [2, { a: 3 }]]);
    assert.deepEqual(map(), new Map([[1, 2]]));
    assert.deepEqual(set(), new Set([7]));
    assert.strictEqual(JSON.stringify(list()), JSON.stringify([1, [2, { a: 3 }]]));`;
  /** Each function right, but the one that is named. */
  const program = (wrong: string): string =>
    Object.entries({
      number: ['2', '1'],
      list: ['[1, [2, { a: 3 }]]', '[0, [0, { a: 0 }]]'],
      map: ['new Map([[1, 2]])', 'new Map([[1, 3]])'],
      set: ['new Set([7])', 'new Set([8])'],
    })
      .map(([name, [right, other]]) => `function ${name}() { return ${name === wrong ? other : right}; }`)
      .join('\n');

  it('pass what is right and refuse what is wrong', async () => {
    expect((await sandbox.run({ source: program(''), tests })).kind).toBe('done');
    for (const wrong of ['number', 'list', 'map', 'set'])
      expect((await sandbox.run({ source: program(wrong), tests })).kind).toBe('threw');
  });

  const none = 'function* () {}';
  it.each([
    ['number', `Array.prototype[Symbol.iterator] = ${none};`],
    ['list', 'Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true });'],
    ['map', `Map.prototype[Symbol.iterator] = Map.prototype.entries = ${none};`],
    ['map', 'try { Object.defineProperty(Map, Symbol.hasInstance, { value: () => false }) } catch {}'],
    [
      'map',
      'Map.prototype.forEach = () => {}; Object.defineProperty(Map.prototype, "size", { get: () => 1 });',
    ],
    ['map', 'try { globalThis.Map = function () { return {} } } catch {}'],
    [
      'set',
      `Set.prototype.forEach = () => {}; Set.prototype.values = Set.prototype[Symbol.iterator] = ${none};`,
    ],
    [
      'set',
      'try { Object.defineProperty(globalThis, "Set", { value: function () { return {} } }) } catch {}',
    ],
    ['list', 'Object.defineProperty(Array.prototype, "0", { get() { return 0 }, set() {} });'],
    ['list', 'try { JSON.stringify = () => "" } catch {} Object.prototype.toJSON = () => 1;'],
    [
      'number',
      'let assert = Object.assign(() => {}, { strictEqual() {}, deepStrictEqual() {}, deepEqual() {} });',
    ],
    ['number', 'function assert() {} assert.strictEqual = () => {};'],
    ['number', 'globalThis.Error = function () { return undefined }; globalThis.String = () => { throw 1 };'],
    [
      'number',
      'try { Reflect.apply = () => true } catch {} Function.prototype.call = Function.prototype.apply = () => true;',
    ],
    [
      'list',
      'const all = new Proxy({}, { get: () => all, has: () => true, ownKeys: () => [], getPrototypeOf: () => Array.prototype }); list = () => all;',
    ],
  ])('are not talked into passing a wrong %s by %s', async (wrong, trick) => {
    expect((await sandbox.run({ source: `${program(wrong)}\n${trick}`, tests })).kind).toBe('threw');
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

  it.each([
    ['types in types', `type A = ${'Array<'.repeat(20_000)}1${'>'.repeat(20_000)}`],
    ['conditions without end', `a${'?a:a'.repeat(100_000)}`],
    ['an answer of answers', 'let f = []; for (let i = 0; i < 1e5; i++) f = [f];'],
    ['an error that is no text', 'throw { message: { toString: 5 } }'],
  ])('a program that breaks its reader spoils no other: %s', async (_, source) => {
    expect((await sandbox.run({ source, calls: ['f'] })).kind).toBe('limit');
    expect(await value('', '1 + 1')).toBe(2);
  });

  it('words: an error says at most a thousand letters', async () => {
    const verdict = await sandbox.run({ source: 'throw new Error("x".repeat(3e7))' });
    expect(verdict).toEqual({ kind: 'threw', message: 'x'.repeat(1000) });
  });

  it('time, where a regular expression never comes back, and the next program runs', {
    timeout: 30_000,
  }, async () => {
    const verdict = await sandbox.run({ source: '/^(a+)+$/.test("a".repeat(60) + "b")' });
    expect(verdict.kind).toBe('limit');
    expect(await value('', '1 + 1')).toBe(2);
  });
});
