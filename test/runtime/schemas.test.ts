/**
 * Typical schemas as the packages that people use write them (`schemas/`): which are refused, and, with Ajv as the judge,
 * that what may be written is valid and what is valid may be written.
 */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { expect, it } from 'vitest';
import { messageOf } from '#src/core/errors.js';
import { Rng } from '#src/core/rng.js';
import { accepts, bytes, drawn, jsonSchema } from '../helpers/grammar.js';
import { instanceOf } from '../helpers/schema-instance.js';
import { zodSchemas } from './schemas/zod.js';

const stored = (name: string) =>
  JSON.parse(readFileSync(new URL(`schemas/${name}.json`, import.meta.url), 'utf8')) as Record<
    string,
    object
  >;
const schemas: Readonly<Record<string, object>> = {
  ...zodSchemas,
  ...stored('pydantic'),
  ...stored('packages'),
};

/** Each with its reason. */
const REFUSED: Readonly<Record<string, string>> = {
  'pydantic Collections': 'a set of any strings: what came before would have to be remembered',
};

/** To draw a text at random that ends as it has to would take for ever. */
const NOT_DRAWN = ['zod 4 ends with'];

const options = { strict: false, validateFormats: true } as const;
const judges = [new Ajv2020(options), new Ajv(options)] as const;
for (const judge of judges) formats.default(judge as Ajv);

function judgeOf(schema: object) {
  const [current, old] = judges;
  const { $schema, ...rest } = schema as { $schema?: string; $id?: string };
  const isOld = $schema?.includes('draft-07') || /"items":\s*\[/.test(JSON.stringify(rest));
  return (isOld ? old : current).compile(rest);
}

function refusal(schema: object): string | null {
  try {
    bytes.compile(jsonSchema(schema));
    return null;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

it('takes all of the typical schemas but a few, which are named', () => {
  expect(Object.keys(schemas).length).toBeGreaterThanOrEqual(108);
  const refused = Object.entries(schemas).flatMap(([name, schema]) => {
    const why = refusal(schema);
    return why === null ? [] : [[name, why]];
  });
  expect(refused.map(([name]) => name)).toEqual(Object.keys(REFUSED));
  expect(refused.length).toBeLessThanOrEqual(8);
});

it.each(Object.keys(schemas).filter((name) => !(name in REFUSED)))('keeps to %s', (name) => {
  const schema = schemas[name]!;
  const validate = judgeOf(schema);
  for (let seed = 1; seed <= 4 && !NOT_DRAWN.includes(name); seed++) {
    const text = drawn(jsonSchema(schema), seed);
    expect(validate(JSON.parse(text)), `${text}: ${judges[0].errorsText(validate.errors)}`).toBe(true);
  }
  let valid = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const value = instanceOf(schema, new Rng(seed));
    if (!validate(value)) continue;
    valid++;
    expect(accepts(jsonSchema(schema), JSON.stringify(value)), JSON.stringify(value)).toBe(true);
  }
  expect(valid).toBeGreaterThan(0);
});
