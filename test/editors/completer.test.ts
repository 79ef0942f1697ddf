/** The logic of suggestions: what is asked, what is shown of the answer, and what is answered without asking. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Completer, type CompleterOptions } from '../../editors/vscode/src/completer.js';
import { Latencies } from '../../editors/vscode/src/latencies.js';
import { cut, finish, shapeOf } from '../../editors/vscode/src/shape.js';
import type { FillIn, Piece } from '../../editors/vscode/src/sources/source.js';
import { windowOf } from '../../editors/vscode/src/window.js';

const options: CompleterOptions = {
  debounceMs: 0,
  maxLines: 6,
  maxTokens: 48,
  fillIn: 'always',
  prefixCharacters: 1500,
  suffixCharacters: 150,
};
const never = new AbortController().signal;

/** A source that answers with the pieces, and what it was asked. */
function source(...pieces: readonly string[]) {
  const asked: FillIn[] = [];
  let taken = 0;
  async function* ask(request: FillIn, signal: AbortSignal): AsyncGenerator<Piece> {
    asked.push(request);
    for (const text of pieces) {
      await Promise.resolve();
      if (signal.aborted) break;
      taken += 1;
      yield { kind: 'text', text };
    }
    yield { kind: 'facts', facts: { tokens: taken, tokensPerSecond: 1, simulated: null } };
  }
  return { ask, asked, taken: () => taken };
}

function shown(text: string, prefix: string, suffix = ''): string {
  const shape = shapeOf({ prefix, suffix }, 6);
  return finish(cut(text, shape).text, shape);
}

it('shows one line in the middle of a line, and a block where one begins', () => {
  expect(shown('a + b;\nreturn 1;\n', 'const c = ')).toBe('a + b;');
  expect(shown('\n  return 1;\n}\n\nconst d = 2;\n', 'function f() {')).toBe('\n  return 1;\n}');
  expect(shown('\n  return 1;\n}\n', 'function f() {', '\n}\n')).toBe('\n  return 1;');
  expect(shown('if (x) {\n    y();\n  }\n}\nz();\n', 'f() {\n  ', '')).toBe('if (x) {\n    y();\n  }');
});

it('never shows what stands behind the cursor already, lines that repeat, or nothing but blanks', () => {
  expect(shown('a, b);', 'f(', ');')).toBe('a, b');
  expect(shown('x = 1;\nx = 2;\nrest();\n', '', '\nrest();\n')).toBe('x = 1;\nx = 2;');
  expect(shown('let i = 0;\nlet i = 0;\nlet i = 0;\n', '')).toBe('let i = 0;');
  expect(shown('let i = 0;\n', 'let i = 0;\n')).toBe('');
  expect(shown('  \n\n', 'f(')).toBe('');
});

it('ends a suggestion as soon as it is whole, and stops the source there', async () => {
  const { ask, taken } = source('\n', '  return 1;\n', '}\n', 'more\n', 'and more\n');
  const found = await new Completer(ask).suggest({ prefix: 'function f() {', suffix: '' }, options, never);
  expect(found?.text).toBe('\n  return 1;\n}');
  expect(taken()).toBe(3);
  expect(found?.facts?.tokens).toBe(3);
});

it('gives a space before the cursor to the model as the beginning of the next word', async () => {
  const { ask, asked } = source(' value;\n');
  const found = await new Completer(ask).suggest({ prefix: 'return ', suffix: '' }, options, never);
  expect(asked[0]?.prefix).toBe('return');
  expect(found?.text).toBe('value;');
});

it('shows the model what follows always, or only where it follows on the line', async () => {
  const { ask, asked } = source('x');
  const completer = new Completer(ask);
  const line = { ...options, fillIn: 'line' } as const;
  await completer.suggest({ prefix: 'f(', suffix: ');\nrest' }, options, never);
  await completer.suggest({ prefix: 'g(', suffix: ');\nrest' }, line, never);
  await completer.suggest({ prefix: 'h(', suffix: ', 2);\nrest' }, line, never);
  expect(asked.map(({ suffix }) => suffix)).toEqual([');\nrest', null, ', 2);\nrest']);
});

it('goes on with an earlier suggestion while it is typed, without asking again', async () => {
  const { ask, asked } = source('a + b;');
  const completer = new Completer(ask);
  const at = (prefix: string) => completer.suggest({ prefix, suffix: '\n' }, options, never);
  expect((await at('return'))?.ms).not.toBeNull();
  expect(await at('returna ')).toEqual({ text: '+ b;', ms: null, facts: null });
  expect(await at('returna + b')).toMatchObject({ text: ';', ms: null });
  expect(asked).toHaveLength(1);
  await at('returnx');
  expect(asked).toHaveLength(2);
});

it('asks nothing where the key was overtaken within the pause, and shows nothing once it was', async () => {
  const { ask, asked } = source('a', 'b', 'c');
  const completer = new Completer(ask);
  const overtaken = new AbortController();
  const waiting = completer.suggest(
    { prefix: 'x', suffix: '' },
    { ...options, debounceMs: 60_000 },
    overtaken.signal,
  );
  overtaken.abort();
  expect(await waiting).toBeNull();
  expect(asked).toHaveLength(0);
  const late = new AbortController();
  const running = completer.suggest({ prefix: 'y', suffix: '' }, options, late.signal);
  late.abort();
  expect(await running).toBeNull();
});

it('a window never grows past its size, holds what is next to the cursor, and begins where it did for half of it', () => {
  const size = { prefixCharacters: 200, suffixCharacters: 80 };
  fc.assert(
    fc.property(
      fc.string({ minLength: 0, maxLength: 2000, unit: fc.constantFrom('a', ' ', '\n') }),
      fc.nat(2000),
      (text, at) => {
        const gap = { prefix: text.slice(0, at), suffix: text.slice(at) };
        const { prefix, suffix } = windowOf(gap, size);
        expect(gap.prefix.endsWith(prefix) && gap.suffix.startsWith(suffix)).toBe(true);
        expect(prefix.length).toBeLessThanOrEqual(200);
        expect(prefix.length).toBeGreaterThanOrEqual(Math.min(1, gap.prefix.length));
        expect(suffix.length).toBeLessThanOrEqual(80);
      },
    ),
  );
  const lines = Array.from({ length: 100 }, (_, i) => `const v${i} = ${i};\n`).join('');
  const starts = new Set<number>();
  for (let at = 1000; at < 1100; at++)
    starts.add(at - windowOf({ prefix: lines.slice(0, at), suffix: '' }, size).prefix.length);
  expect(starts.size).toBeLessThanOrEqual(2);
});

it('gives percentiles as the smallest value that so many are not above', () => {
  const times = new Latencies();
  expect(times.percentile(50)).toBeNaN();
  for (const ms of [5, 1, 4, 2, 3]) times.add(ms);
  expect([50, 95, 0].map((percent) => times.percentile(percent))).toEqual([3, 5, 1]);
});
