/** A Modelfile: instructions a line each, texts of several lines in triple quotes, comments behind `#`. */
import { badRequest } from '../errors.js';

export interface Modelfile {
  readonly from: string | null;
  readonly system: string | null;
  readonly template: string | null;
  readonly licence: string | null;
  readonly parameters: Readonly<Record<string, unknown>>;
}

const INSTRUCTION = /^\s*([a-z]+)\s+/i;
/** Of parameters that may be given several times. */
const LISTS: ReadonlySet<string> = new Set(['stop']);

/** Throws an ApiError on a line that is no instruction, or one that cannot be followed here. */
export function parseModelfile(source: string): Modelfile {
  const texts: Record<string, string | null> = { from: null, system: null, template: null, license: null };
  const parameters: Record<string, unknown> = {};
  // Each character is looked at a few times at most: a file may be as long as a body.
  for (let at = 0; at < source.length; ) {
    const end = lineEnd(source, at);
    const line = source.slice(at, end);
    const [head, word = ''] = INSTRUCTION.exec(line) ?? [];
    if (line.trim() === '' || line.trimStart().startsWith('#')) {
      at = end + 1;
      continue;
    }
    const { value, next } = argumentAt(source, at + (head?.length ?? 0), end);
    const name = word.toLowerCase();
    if (name === 'parameter') {
      const [, key = '', text = ''] = /^(\S+)\s+(.*)$/s.exec(value) ?? [];
      if (key === '')
        throw badRequest(`Modelfile: PARAMETER wants a name and a value: ${cut(line)}`, 'modelfile');
      add(parameters, key, plainValue(text));
    } else if (name in texts) texts[name] = value;
    else throw badRequest(`Modelfile: this cannot be followed here: ${cut(line)}`, 'modelfile');
    at = next;
  }
  const { from, system, template, license } = texts;
  return { from: from!, system: system!, template: template!, licence: license!, parameters };
}

/** An argument up to the end of its line, or of its triple quotes; `next` is where the line behind it begins. */
function argumentAt(
  source: string,
  start: number,
  end: number,
): { readonly value: string; readonly next: number } {
  const line = source.slice(start, end);
  const [opening, word = ''] = /^(\S+\s+)?"""/.exec(line) ?? [];
  const from = start + (opening?.length ?? 0);
  const close = opening === undefined ? -1 : source.indexOf('"""', from);
  if (close < 0) return { value: unquoted(line.trim()), next: end + 1 };
  return { value: word + source.slice(from, close), next: lineEnd(source, close) + 1 };
}

function lineEnd(source: string, at: number): number {
  const end = source.indexOf('\n', at);
  return end < 0 ? source.length : end;
}

function unquoted(text: string): string {
  return /^".*"$/s.test(text) && text.length > 1 ? text.slice(1, -1) : text;
}

function plainValue(text: string): string | number | boolean {
  const value = unquoted(text.trim());
  if (value === 'true' || value === 'false') return value === 'true';
  return value !== '' && Number.isFinite(Number(value)) && value === text.trim() ? Number(value) : value;
}

function add(parameters: Record<string, unknown>, name: string, value: string | number | boolean): void {
  const before = parameters[name];
  if (!LISTS.has(name)) parameters[name] = value;
  else if (Array.isArray(before)) before.push(String(value));
  else parameters[name] = [String(value)];
}

/** A Modelfile that says the same. */
export function writeModelfile(file: Modelfile): string {
  const { from, system, parameters } = file;
  const lines = [`FROM ${from}`, ...parameterLines(parameters).map((line) => `PARAMETER ${line}`)];
  if (system !== null) lines.push(`SYSTEM """${system}"""`);
  return `${lines.join('\n')}\n`;
}

/** As Ollama lists parameters: a name and a value a line. */
export function parameterLines(parameters: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(parameters).flatMap(([name, value]) =>
    (Array.isArray(value) ? (value as unknown[]) : [value]).map((one) => `${name} ${JSON.stringify(one)}`),
  );
}

function cut(line: string): string {
  return JSON.stringify(line.slice(0, 80));
}
