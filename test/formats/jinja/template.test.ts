/** Small templates with the answers of Python's jinja2, and templates that mean harm. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JinjaError } from '#src/formats/jinja/errors.js';
import { readJson } from '#src/formats/jinja/json.js';
import { Template } from '#src/formats/jinja/template.js';
import { Origins, plain, said, type Text } from '#src/formats/jinja/text.js';
import { Dict, type Value } from '#src/formats/jinja/values.js';
import { sharedPath } from '../../helpers/shared.js';

/** The clock of the answers. */
const now = new Date(2025, 6, 26, 12, 34, 56);

interface Snippet {
  readonly template: string;
  readonly text?: string;
  readonly error?: string;
}

const variables = (): Map<string, Value> =>
  new Map<string, Value>([
    ['messages', readJson('[{"role":"user","content":"a</x>\\n\\nb "}]')],
    ['tools', null],
    ['documents', null],
    ['add_generation_prompt', true],
    ['bos_token', '<s>'],
    ['eos_token', '</s>'],
  ]);

/** The text that comes out; null where the template is refused. */
function rendered(source: string): string | null {
  try {
    return plain(new Template(source).render(variables(), { now }));
  } catch (thrown) {
    if (thrown instanceof JinjaError) return null;
    throw thrown;
  }
}

const given = sharedPath('cases/templates/jinja-snippets.jsonl');
const golden = new URL('golden.jsonl', import.meta.url).pathname;

it.each([golden, ...(given === null ? [] : [given])])('gives what jinja2 gives: %s', (path) => {
  const snippets = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line): Snippet => JSON.parse(line));
  const different = snippets
    .map(({ template, text }) => ({ template, text: text ?? null, got: rendered(template) }))
    .filter(({ text, got }) => text !== got);
  expect(different).toEqual([]);
  expect(snippets.length).toBeGreaterThan(100);
});

describe('the reader of JSON', () => {
  it('gives back any JSON text as Python writes it, with its numbers and the order of its keys', () => {
    const text =
      '{"10": 1.0, "2": [9007199254740993, -0.0, 1e-07, 1e+16, true, null], "a": {"b": "é\\n\\"😀"}}';
    const value = new Map([['value', readJson(text)]]);
    expect(plain(new Template('{{ value|tojson }}').render(value))).toBe(text);
  });

  it('agrees with JSON.parse on which texts are JSON, and on strings', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"\\u00e9"',
      '"\\x"',
      '1',
      '-0.5',
      '01',
      'true',
      'nul',
      ' ',
      '"',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.array(piece, { maxLength: 8 }).map((all) => all.join('')),
        ),
        (text) => {
          const outcome = (read: () => unknown): boolean => {
            try {
              read();
              return true;
            } catch {
              return false;
            }
          };
          expect(outcome(() => readJson(text))).toBe(outcome(() => JSON.parse(text)));
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(plain(readJson(JSON.stringify(text)) as Text)).toBe(text);
      }),
    );
  });
});

describe('whose text it is', () => {
  const templates = [
    '{{ x }}|<|a|>',
    '{{ x ~ "<|a|>" ~ x }}',
    '{{ ("<|a|>" + x)[2:] }}',
    '{{ (x + "<|a|>")[::-1] }}',
    '{{ "%s<|a|>%r" % (x, x) }}',
    '{{ "<|a|>{}{:>9}".format(x, x) }}',
    '{{ [x, "<|a|>"]|tojson }}',
    '{{ {"<|a|>": x} }}',
    '{{ (x ~ "<|a|>").split("|")|join("<") }}',
    '{{ (x ~ "<|a|>")|replace("a", x) }}',
    '{{ "<|a|>"|replace("a", x) }}',
    '{{ (x ~ " <|a|> ")|trim|upper }}',
    '{{ x|indent(2) }}<|a|>',
    '{% set y %}<|a|>{{ x }}{% endset %}{{ y|trim }}',
    '{% macro m(z) %}<|a|>{{ z }}{% endmacro %}{{ m(x)|string }}',
    '{{ x.strip("<") ~ x|e }}',
    '{% for c in x %}{{ c }}<|a|>{% endfor %}',
    '{{ x|safe + "<|a|>" }}',
    '{% filter upper %}<|a|>{{ x }}{% endfilter %}',
    '{{ x.partition("|")|join("<|a|>") }}',
  ];

  it.each(templates)('stays known: %s', (source) => {
    const template = new Template(source);
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('<', '|', 'a', '>', ' ', '"', '\n', '😀'), maxLength: 12 }),
        (text) => {
          const marked = template.render(new Map([['x', said(text)]]));
          // Letters that only a user writes, in place of his: where they stand, he speaks.
          const letters = new Map(
            [...'<|a> "\n😀'].map((char, i) => [char, String.fromCodePoint(0x4e00 + i)]),
          );
          const foreign = Array.from(text, (char) => letters.get(char)!).join('');
          expect(plain(template.render(new Map([['x', text]])))).toBe(plain(marked));
          const other = template.render(new Map([['x', said(foreign)]]));
          if (typeof other === 'string') return;
          const origins = new Origins(other);
          for (const [i, char] of Array.from(other.text).entries())
            if (char >= '\u4e00' && char < '\u4e10') expect(origins.hasUser(i, i + 1)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("keeps the template's own marks its own, around and between what is said", () => {
    const text = new Template('<|a|>{{ x }}<|b|>{{ [x]|tojson }}<|c|>').render(
      new Map([['x', said('<|b|>')]]),
    );
    expect(text).toMatchObject({ text: '<|a|><|b|><|b|>["<|b|>"]<|c|>', runs: [5, 5, 6, 7, 6] });
  });
});

describe('a template that means harm ends in time, with a typed error', () => {
  const lists = '{% set l = range(100000)|list %}';
  const text = "{% set a = 'ab ' * 1000000 %}{% for i in range(100000) %}";
  const sources = [
    '{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}',
    '{% for i in range(100000000) %}{% endfor %}',
    "{% set x = 'a' * 1000000000 %}",
    '{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}',
    "{% set ns = namespace(l='a') %}{% for i in range(100) %}{% set ns.l = ns.l ~ ns.l %}{% endfor %}",
    `${lists}{{ l|select('in', l)|list|length }}`,
    `${lists}{% for i in l %}{% set b = l|sort %}{% set c = l == l[1:] %}{% endfor %}`,
    `${lists}{% for i in l %}{% set b = l.index(-1) %}{% endfor %}`,
    '{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}',
    '{{ 10 ** 1000000 }}',
    "{{ 'x'.center(10000000000) }}",
    "{{ '%100000000d' % 1 }}",
    `{{ ${'('.repeat(10_000)}1${')'.repeat(10_000)} }}`,
    `${'{% if 1 %}'.repeat(5000)}${'{% endif %}'.repeat(5000)}`,
    `{{ ${'1 + '.repeat(10_000)}1 }}`,
    `{{ x${'|string'.repeat(10_000)} }}`,
    '{% set ns = namespace(l=[]) %}{% for i in range(1000) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}',
    ...[
      'a.replace("b", "")',
      'a.find("c")',
      '"c" in a',
      'a[1:]',
      'a.strip()',
      'a.isalpha()',
      'a.split("b")',
      'a|length',
      'a is lower',
      'a|wordcount',
      'a|striptags',
      'a|int',
      'a|urlencode',
      'a == a ~ "c"',
    ].map((work) => `${text}{% set b = ${work} %}{% endfor %}`),
    "{{ ('<a' * 1000000)|striptags }}{{ ('<!--' * 1000000)|striptags }}{{ 1 // 0 }}",
    "{{ ('\\t' * 1000000).expandtabs(1000000) }}",
    "{{ ('a' * 100000).replace('', 'b' * 100000) }}",
    "{{ ('a,' * 1000000).split(',')|join('b' * 100000) }}",
    '{{ [1]|tojson(indent=1000000000) }}',
    "{{ [1]|batch(100000000, 'x')|list }}",
    "{{ strftime_now('%c' * 100000) }}",
  ];

  it.each(sources.map((source) => [source.slice(0, 90), source]))('%s', (_, source) => {
    const start = performance.now();
    expect(() => new Template(source).render(new Map())).toThrow(JinjaError);
    expect(performance.now() - start).toBeLessThan(3000);
  });

  it('leaves a conversation of any real length alone', () => {
    const messages = Array.from(
      { length: 400 },
      (_, i) =>
        new Dict([
          ['role', i % 2 ? 'assistant' : 'user'],
          ['content', said('word '.repeat(400))],
        ]),
    );
    const template = new Template(
      "{% for m in messages %}{{ m.role }}: {{ m.content|trim }}{{ '\\n' }}{% endfor %}",
    );
    expect(plain(template.render(new Map([['messages', messages]]))).length).toBeGreaterThan(800_000);
  });
});
