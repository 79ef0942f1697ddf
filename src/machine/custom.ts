/**
 * A machine of one's own from a JSON file: `{"name": "my-wafer", "base": "wse-2", "clockHz": 9e8}`. It starts
 * from the base and replaces what it names; a number stands alone or as `{value, tag, confidence, source}`.
 */
import { FormatError, MachineError } from '../core/errors.js';
import { parseJson } from '../core/json.js';
import type { Tag } from '../core/provenance.js';
import { TAGS } from '../core/provenance.js';
import type { Confidence, Fact, FactList, Facts } from './types.js';
import type { WaferKey, WaferMachine } from './wafers.js';
import { WAFER_KEYS, WAFERS } from './wafers.js';

/** The range of one number in a machine file. */
export interface FactRange {
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
}

const CONFIDENCES: readonly Confidence[] = ['high', 'medium', 'low'];
const MAX_QUEUES = 16;
const MAX_QUEUE_WORDS = 1024;

function bad(
  what: string,
  given: string,
  expected: string,
  todo = 'Correct the machine file.',
): MachineError {
  return new MachineError({ what, given, expected, todo });
}

const show = (value: unknown): string => `${JSON.stringify(value)}`.slice(0, 80);

/** A JSON object from text, or a `MachineError`, with line and column for a syntax error. */
export function parseMachineJson(text: string, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseJson(text, `machine file ${file}`);
  } catch (error) {
    if (error instanceof FormatError) throw new MachineError(error.facts, { cause: error });
    throw error;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`machine file ${file}`, show(value), 'one JSON object');
  }
  return value as Record<string, unknown>;
}

function provenance(entry: Record<string, unknown>, what: string, file: string): Omit<Fact, 'value'> {
  const { tag = 'guessed', confidence = 'low', source = `machine file ${file}` } = entry;
  if (!TAGS.includes(tag as Tag)) throw bad(`tag of ${what}`, show(tag), `one of ${TAGS.join(', ')}`);
  if (!CONFIDENCES.includes(confidence as Confidence)) {
    throw bad(`confidence of ${what}`, show(confidence), `one of ${CONFIDENCES.join(', ')}`);
  }
  if (typeof source !== 'string') throw bad(`source of ${what}`, show(source), 'text');
  return { tag: tag as Tag, confidence: confidence as Confidence, source };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One number within its range; `what` names it in the error. */
export function parseFact(given: unknown, range: FactRange, what: string, file: string): Fact {
  const entry = isRecord(given) ? given : { value: given };
  const { value } = entry;
  const wanted = `${range.whole ? 'a whole number' : 'a number'} from ${range.min} to ${range.max}`;
  if (typeof value !== 'number' || !(value >= range.min && value <= range.max)) {
    throw bad(`${what} in machine file ${file}`, show(value), wanted);
  }
  if (range.whole && !Number.isInteger(value)) {
    throw bad(`${what} in machine file ${file}`, show(value), wanted);
  }
  return { value, ...provenance(entry, what, file) };
}

function parseQueues(given: unknown, what: string, file: string): FactList {
  const entry = isRecord(given) ? given : { values: given };
  const { values } = entry;
  const expected = `a list of 1 to ${MAX_QUEUES} depths, each a whole number from 1 to ${MAX_QUEUE_WORDS}`;
  if (!Array.isArray(values) || values.length === 0 || values.length > MAX_QUEUES) {
    throw bad(`${what} in machine file ${file}`, show(values), expected);
  }
  const depths = values.map((depth: unknown) => {
    if (typeof depth === 'number' && Number.isInteger(depth) && depth >= 1 && depth <= MAX_QUEUE_WORDS)
      return depth;
    throw bad(`${what} in machine file ${file}`, show(depth), expected);
  });
  return { values: depths, ...provenance(entry, what, file) };
}

/** Replaces the facts that `entries` names; unknown keys are errors, so a typing slip cannot pass as a default. */
export function overrideFacts<K extends string>(
  base: Facts<K>,
  entries: Record<string, unknown>,
  ranges: Readonly<Record<K, FactRange>>,
  file: string,
): Facts<K>;
/** The same of no facts at first. */
export function overrideFacts<K extends string>(
  base: Partial<Facts<K>>,
  entries: Record<string, unknown>,
  ranges: Readonly<Record<K, FactRange>>,
  file: string,
): Partial<Facts<K>>;
export function overrideFacts<K extends string>(
  base: Partial<Facts<K>>,
  entries: Record<string, unknown>,
  ranges: Readonly<Record<K, FactRange>>,
  file: string,
): Partial<Facts<K>> {
  const facts: Partial<Record<K, Fact>> = { ...base };
  for (const [key, given] of Object.entries(entries)) {
    if (!Object.hasOwn(ranges, key)) {
      throw bad(
        `machine file ${file}`,
        `unknown key ${show(key)}`,
        `keys among ${Object.keys(ranges).join(', ')}`,
      );
    }
    facts[key as K] = parseFact(given, ranges[key as K], key, file);
  }
  return facts;
}

/** A wafer from the text of a machine file; `base` defaults to `wse-2`. `MachineError` names the key at fault. */
export function parseWafer(text: string, file: string): WaferMachine {
  const {
    name,
    kind,
    base = 'wse-2',
    title,
    inputQueueWords,
    outputQueueWords,
    ...entries
  } = parseMachineJson(text, file);
  if (kind !== undefined && kind !== 'wafer')
    throw bad(`kind in machine file ${file}`, show(kind), '"wafer"');
  if (typeof name !== 'string' || !/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    throw bad(`name in machine file ${file}`, show(name), '1 to 64 of a-z, 0-9, ".", "_" and "-"');
  }
  const parent = WAFERS.find((wafer) => wafer.name === base);
  if (parent === undefined) {
    const names = WAFERS.map((wafer) => wafer.name).join(', ');
    throw bad(`base in machine file ${file}`, show(base), `one of ${names}`);
  }
  if (title !== undefined && typeof title !== 'string')
    throw bad(`title in machine file ${file}`, show(title), 'text');
  const facts: Record<WaferKey, Fact> = { ...overrideFacts(parent.facts, entries, WAFER_KEYS, file) };
  for (const [usable, fabric] of [
    ['usableColumns', 'fabricColumns'],
    ['usableRows', 'fabricRows'],
  ] as const) {
    if (entries[fabric] !== undefined && entries[usable] === undefined) facts[usable] = facts[fabric];
    if (facts[usable].value > facts[fabric].value) {
      throw bad(
        `${usable} of ${name}`,
        String(facts[usable].value),
        `at most ${fabric}, ${facts[fabric].value}`,
      );
    }
  }
  if (facts.reservedBytesPerPe.value >= facts.sramBytesPerPe.value) {
    throw bad(
      `reservedBytesPerPe of ${name}`,
      `${facts.reservedBytesPerPe.value} B`,
      `less than sramBytesPerPe, ${facts.sramBytesPerPe.value} B`,
    );
  }
  return {
    kind: 'wafer',
    name,
    title: title ?? name,
    facts,
    inputQueueWords:
      inputQueueWords === undefined
        ? parent.inputQueueWords
        : parseQueues(inputQueueWords, 'inputQueueWords', file),
    outputQueueWords:
      outputQueueWords === undefined
        ? parent.outputQueueWords
        : parseQueues(outputQueueWords, 'outputQueueWords', file),
  };
}
