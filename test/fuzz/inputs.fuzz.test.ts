/** What comes as files: templates, schemas, traces, plans and mesh programs. Typed errors and sentences, or an answer. */
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { expect } from 'vitest';
import { CARD_NAMES } from '#models/card-names.js';
import { WaferflowError } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { Mesh } from '#src/fabric/mesh.js';
import type { Pe, Pending } from '#src/fabric/pe.js';
import { simulate } from '#src/fabric/simulate.js';
import { JinjaError } from '#src/formats/jinja/errors.js';
import { Template } from '#src/formats/jinja/template.js';
import { findWafer } from '#src/machine/wafers.js';
import { loadCard } from '#src/platform/node/cards.js';
import { plan } from '#src/timing/estimate.js';
import { findMachine } from '#src/timing/local-run.js';
import { bytes, jsonSchema } from '../helpers/grammar.js';
import { target } from './fuzz.js';

/** Runs something that may refuse with an error of ours, and with no other. */
function orRefuses<T>(run: () => T): T | null {
  try {
    return run();
  } catch (thrown) {
    if (thrown instanceof WaferflowError || thrown instanceof JinjaError) return null;
    throw thrown;
  }
}

const jinja = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '{{',
        '}}',
        '{%',
        '%}',
        '{#',
        '#}',
        '-%}',
        '{%-',
        ' ',
        '\n',
        '|',
        '.',
        '(',
        ')',
        '[',
        ']',
        ',',
      ),
      fc.constantFrom(
        ' for x in range(9) ',
        ' endfor ',
        ' if x ',
        ' else ',
        ' endif ',
        ' set x = ',
        ' macro m(a) ',
      ),
      fc.constantFrom(
        ' endmacro ',
        ' raw ',
        ' endraw ',
        ' namespace(a=1) ',
        'loop.index',
        'messages',
        'x',
        'm(x)',
      ),
      fc.constantFrom(
        'join',
        'tojson',
        'replace("a","b")',
        'length',
        'map',
        'select',
        '* 9',
        '** 9',
        '% 7',
        '~ x',
        'not',
      ),
      fc.string({ maxLength: 8 }),
      fc.integer().map(String),
    ),
    { maxLength: 40 },
  )
  .map((parts) => parts.join(''));

target('a template of anybody’s', jinja, (source) => {
  const template = orRefuses(() => new Template(source));
  if (template !== null) orRefuses(() => template.render(new Map([['x', 'text']])));
});

const leaf = fc.oneof(
  fc.constantFrom<object>({ type: 'string' }, { type: 'integer' }, { type: 'boolean' }, { type: 'null' }, {}),
  fc.record({
    type: fc.constant('integer'),
    minimum: fc.integer({ min: -99, max: 0 }),
    maximum: fc.integer({ min: 0, max: 99 }),
  }),
  fc.record({ type: fc.constant('string'), minLength: fc.nat(3), maxLength: fc.integer({ min: 3, max: 9 }) }),
  fc.record({
    type: fc.constant('string'),
    pattern: fc.constantFrom('^a+b?$', '[0-9]{2,3}', 'x|y', '^(ab)*$'),
  }),
  fc.record({
    enum: fc.uniqueArray(
      fc.oneof(fc.string({ maxLength: 4 }), fc.integer(), fc.boolean(), fc.constant(null)),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  }),
  fc.record({ const: fc.jsonValue({ maxDepth: 1 }) }),
);
const { schema } = fc.letrec<{ schema: object }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    leaf,
    fc.record({
      type: fc.constant('array'),
      items: tie('schema'),
      minItems: fc.nat(2),
      maxItems: fc.integer({ min: 2, max: 3 }),
    }),
    fc.record({
      type: fc.constant('object'),
      properties: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('schema'), {
        maxKeys: 3,
        noNullPrototype: true,
      }),
      required: fc.subarray(['a', 'b']),
      additionalProperties: fc.boolean(),
    }),
    fc.record({ anyOf: fc.array(tie('schema'), { minLength: 1, maxLength: 3 }) }),
  ),
}));

/** A text of the language, byte by byte, or null where it does not end soon. */
function drawn(given: object, seed: number): string | null {
  const matcher = orRefuses(() => bytes.compile(jsonSchema(given)));
  if (matcher === null) return null;
  const rng = new Rng(seed);
  const text: number[] = [];
  const closing = [...Buffer.from('"}],:0ab')];
  while (text.length < 600) {
    const mask = matcher.mask();
    const allowed = Array.from({ length: 256 }, (_, id) => id).filter(
      (id) => ((mask[id >>> 5]! >>> (id & 31)) & 1) === 1,
    );
    if (matcher.isComplete && (allowed.length === 0 || text.length > 8)) return Buffer.from(text).toString();
    expect(allowed.length, 'ways on from an incomplete text').toBeGreaterThan(0);
    const printable = allowed.filter((id) => id > 32 && id < 127 && id !== 92);
    const best = text.length > 40 ? closing.find((id) => allowed.includes(id)) : undefined;
    const some = printable.length > 0 ? printable : allowed;
    const id = best ?? some[rng.below(some.length)]!;
    expect(matcher.accept(id)).toBe(true);
    text.push(id);
  }
  return null;
}

/** Null where the judge itself breaks: it calls `valueOf` and `toString` of what it compares, which may be names like others. */
function judged(given: object, value: unknown): boolean | null {
  // A new one for each: it keeps all that it compiles.
  const ajv = new Ajv({ strict: false, meta: false, validateSchema: false });
  try {
    return ajv.compile(given)(value) as boolean;
  } catch (error) {
    if (error instanceof TypeError && error.message.endsWith('is not a function')) return null;
    throw error;
  }
}

target('a schema against Ajv', fc.tuple(schema, fc.nat()), ([given, seed]) => {
  const text = drawn(given, seed);
  if (text === null) return;
  expect(judged(given, JSON.parse(text)), `${text} by ${JSON.stringify(given)}`).not.toBe(false);
});

const machines = ['wse-2', 'wse-3', 'h100', 'b200', 'l4'].map(findMachine);
const request = fc.record(
  {
    promptTokens: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.double()),
    outputTokens: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.double()),
    concurrency: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.double()),
    count: fc.integer({ min: -1, max: 70 }),
    tensorParallel: fc.integer({ min: 0, max: 20 }),
    side: fc.integer({ min: -1, max: 5000 }),
    weightBits: fc.constantFrom(16, 8, 4, 3),
  },
  { requiredKeys: ['promptTokens', 'outputTokens', 'concurrency'] },
);
target(
  'a plan of any size',
  fc.tuple(fc.constantFrom(...CARD_NAMES), fc.nat(machines.length - 1), request),
  ([name, machine, asked]) => {
    const answer = orRefuses(() => plan(loadCard(name), machines[machine]!, asked));
    if (answer === null) return;
    for (const figure of [
      answer.ttftMs,
      answer.tpotMs,
      answer.tokensPerSecond,
      answer.kilowatts,
      answer.dollarsPerHour,
    ]) {
      expect(figure).toBeGreaterThan(0);
      expect(figure).toBeLessThan(Number.POSITIVE_INFINITY);
    }
  },
  0.3,
);

const ports = ['NORTH', 'EAST', 'SOUTH', 'WEST', 'RAMP'] as const;
const steps = fc.array(
  fc.record({
    does: fc.constantFrom('send', 'receive', 'fold', 'relay', 'compute', 'turn'),
    color: fc.nat(2),
    first: fc.integer({ min: -1, max: 9 }),
    count: fc.integer({ min: 0, max: 9 }),
    waits: fc.boolean(),
  }),
  { maxLength: 4 },
);
const meshProgram = fc.record({
  width: fc.integer({ min: 1, max: 3 }),
  height: fc.integer({ min: 1, max: 2 }),
  routes: fc.array(
    fc.record({
      x: fc.nat(2),
      y: fc.nat(1),
      color: fc.nat(2),
      rx: fc.uniqueArray(fc.constantFrom(...ports), { minLength: 1, maxLength: 2 }),
      tx: fc.uniqueArray(fc.constantFrom(...ports), { minLength: 1, maxLength: 2 }),
    }),
    { maxLength: 10 },
  ),
  programs: fc.array(steps, { minLength: 1, maxLength: 6 }),
});

/** Lays the program out, and says what it left in memory and how long it took. */
function run(
  { width, height, routes, programs }: typeof meshProgram extends fc.Arbitrary<infer T> ? T : never,
  core: 'fast' | 'plain',
) {
  const mesh = new Mesh(findWafer('wse-2'), { width, height });
  const colors = ['a', 'b', 'c'].map((name) => mesh.color(name));
  for (const { x, y, color, rx, tx } of routes) {
    if (x < width && y < height) mesh.route({ x, y }, colors[color]!, { rx, tx });
  }
  const buffers = programs.flatMap((own, i) => {
    const at = { x: i % width, y: Math.floor(i / width) };
    if (at.y >= height) return [];
    const pe: Pe = mesh.pe(at);
    const buffer = pe.buffer('b', 'f32', 8);
    pe.main = function* (): Generator<Pending, void, void> {
      for (const { does, color, first, count, waits } of own) {
        const [c, next] = [colors[color]!, colors[(color + 1) % 3]!];
        if (does === 'turn') pe.turn(c);
        else {
          const view = buffer.view(first, count);
          const pending =
            does === 'send'
              ? pe.send(c, view)
              : does === 'receive'
                ? pe.receive(c, view)
                : does === 'fold'
                  ? pe.receiveFold(c, view, 'add')
                  : does === 'relay'
                    ? pe.relay(c, view, next)
                    : pe.compute({ cycles: count });
          if (waits) yield pending;
        }
      }
    };
    return [buffer];
  });
  for (const [i, buffer] of buffers.entries()) buffer.write(Array.from({ length: 8 }, (_, j) => i * 8 + j));
  const result = simulate(mesh, { core, maxCycles: 20_000 });
  return { cycles: result.cycles, hops: result.hops, memory: buffers.map((buffer) => [...buffer.read()]) };
}

target('a mesh program runs, the same on both cores, or says what is wrong', meshProgram, (given) => {
  const fast = orRefuses(() => run(given, 'fast'));
  expect(orRefuses(() => run(given, 'plain'))).toEqual(fast);
});
