/** A file of the names that clients have made, so that they are there after a restart. */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { FormatError, messageOf } from '../../core/errors.js';
import type { Preset } from './preset.js';

export interface MadeName {
  readonly name: string;
  /** The model's first name. */
  readonly model: string;
  readonly preset: Preset | null;
  /** Whose key made it. */
  readonly owner: string;
}

export class NamesFile {
  private readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** None where there is no file yet. Throws FormatError on one that is no list of names. */
  read(): readonly MadeName[] {
    if (!existsSync(this.path)) return [];
    let names: unknown;
    try {
      names = JSON.parse(readFileSync(this.path, 'utf8'));
    } catch (cause) {
      throw this.wrong(messageOf(cause), cause);
    }
    if (!Array.isArray(names) || !names.every(isMade)) throw this.wrong('something else');
    return names;
  }

  /** Whole or not at all. */
  write(names: readonly MadeName[]): void {
    writeFileSync(`${this.path}.partial`, `${JSON.stringify(names, null, 1)}\n`, { mode: 0o600 });
    renameSync(`${this.path}.partial`, this.path);
  }

  private wrong(given: string, cause?: unknown): FormatError {
    const expected = 'a list of names as `waferflow serve --names` writes it';
    const todo = 'Give another file, or delete this one: the models that clients made are then gone.';
    return new FormatError({ what: this.path, given, expected, todo }, { cause });
  }
}

function isMade(value: unknown): value is MadeName {
  if (typeof value !== 'object' || value === null) return false;
  const { name, model, preset, owner } = value as Partial<Record<string, unknown>>;
  const isText = [name, model, owner].every((one) => typeof one === 'string');
  return isText && (preset === null || isPreset(preset));
}

function isPreset(value: unknown): value is Preset {
  if (typeof value !== 'object' || value === null) return false;
  const { from, system, parameters, defaults, stop, licence } = value as Partial<Record<string, unknown>>;
  const isText = (one: unknown): boolean => one === null || typeof one === 'string';
  const isObject = (one: unknown): boolean => typeof one === 'object' && one !== null;
  return (
    typeof from === 'string' &&
    [system, licence].every(isText) &&
    [parameters, defaults].every(isObject) &&
    Array.isArray(stop)
  );
}
