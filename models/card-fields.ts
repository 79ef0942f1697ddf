/** The fields of a config.json, checked as they are read; remembers which were asked for. */
import { FormatError, ModelError } from '../src/core/errors.js';

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Larger numbers are mistakes, not models; the limit also keeps every product below 2^53. */
const MAX_DIMENSION = 16_777_216;

export class Fields {
  private readonly read = new Set<string>();
  private readonly config: Json;
  private readonly name: string;

  constructor(config: Json, name: string) {
    this.config = config;
    this.name = name;
  }

  /** Marks a field as understood without checking its value. */
  take(name: string): void {
    this.read.add(name);
  }

  /** Names a field that was not asked for and might change a shape; `isHarmless` knows those that cannot. */
  refuseUnread(isHarmless: (field: string, value: unknown) => boolean): void {
    for (const [field, value] of Object.entries(this.config)) {
      if (this.read.has(field) || isHarmless(field, value)) continue;
      throw new ModelError({
        what: `config of ${this.name}, field "${field}"`,
        given: `${JSON.stringify(value).slice(0, 60)} with model_type ${JSON.stringify(this.config.model_type ?? null)}`,
        expected: 'fields whose effect on the shape is known',
        todo: 'Remove the field if it changes no weight, or write a card with the equivalent known fields.',
      });
    }
  }

  /** The first of the names that is present, as a positive integer. */
  size(...names: string[]): number {
    const value = this.optional(...names);
    if (value === null || value === 0) {
      const given = names.some((name) => name in this.config)
        ? String(this.config[names.find((n) => n in this.config)!])
        : 'nothing';
      return this.fail(names[0]!, given, 'a positive integer');
    }
    return value;
  }

  /** Like {@link size}; null where the field is absent, null or (for counts that may be none) 0. */
  optional(...names: string[]): number | null {
    for (const name of names) this.read.add(name);
    for (const name of names) {
      const value = this.config[name];
      if (value === undefined || value === null || value === false) continue;
      if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_DIMENSION) {
        return this.fail(name, JSON.stringify(value).slice(0, 60), `an integer from 0 to ${MAX_DIMENSION}`);
      }
      return value;
    }
    return null;
  }

  flag(...names: string[]): boolean | null {
    for (const name of names) this.read.add(name);
    for (const name of names) {
      const value = this.config[name];
      if (value === undefined || value === null) continue;
      if (typeof value !== 'boolean')
        return this.fail(name, JSON.stringify(value).slice(0, 60), 'true or false');
      return value;
    }
    return null;
  }

  strings(name: string): string[] | null {
    return this.list(name, (item): item is string => typeof item === 'string', 'an array of strings');
  }

  numbers(name: string): number[] | null {
    return this.list(name, (item): item is number => Number.isInteger(item), 'an array of integers');
  }

  private list<T>(name: string, is: (item: unknown) => item is T, expected: string): T[] | null {
    this.read.add(name);
    const value = this.config[name];
    if (value === undefined || value === null) return null;
    if (!Array.isArray(value) || !value.every(is))
      return this.fail(name, JSON.stringify(value).slice(0, 60), expected);
    return value;
  }

  fail(field: string, given: string, expected: string): never {
    throw new FormatError({
      what: `config of ${this.name}, field "${field}"`,
      given,
      expected,
      todo: 'Correct the config.json.',
    });
  }
}
