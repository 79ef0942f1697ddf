/** Request traces as columns: Azure LLM inference 2023 (CSV), Mooncake (JSON lines), or a CSV file of one's own. */

import { parseCsv } from '../../core/csv.js';
import { FormatError } from '../../core/errors.js';
import { parseJson } from '../../core/json.js';

export interface Trace {
  readonly name: string;
  /** Since the first request, never decreasing. */
  readonly seconds: Float64Array;
  readonly promptTokens: Int32Array;
  readonly outputTokens: Int32Array;
  /** Numbers of the 512-token blocks of all prompts, one after another; empty when the trace has none. */
  readonly hashes: Int32Array;
  readonly hashStarts: Int32Array;
  /** One more than the largest block number. */
  readonly hashCount: number;
}

const AZURE = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const;
const OWN = ['seconds', 'prompt_tokens', 'output_tokens'] as const;
const MAX_TOKENS = 10_000_000;

/**
 * Reads a trace; the format is told by its first line.
 *
 * @throws FormatError with the number of the line that is wrong
 */
export function parseTrace(text: string, file: string): Trace {
  const trace = text.trimStart().startsWith('{') ? parseMooncake(text, file) : parseTable(text, file);
  if (trace.seconds.length > 0) return trace;
  throw new FormatError({
    what: file,
    given: 'no requests',
    expected: 'at least one',
    todo: 'Check the file.',
  });
}

function parseTable(text: string, file: string): Trace {
  const header = text.slice(0, text.indexOf('\n') < 0 ? text.length : text.indexOf('\n'));
  const isAzure = header.includes(AZURE[0]);
  if (!isAzure && !header.includes(OWN[0])) {
    throw new FormatError({
      what: `${file}, line 1`,
      given: JSON.stringify(header.slice(0, 60)),
      expected: `a header with ${AZURE.join(', ')} or with ${OWN.join(', ')}, or JSON lines`,
      todo: 'Name the columns in the first line.',
    });
  }
  const [time, prompt, output] = isAzure ? AZURE : OWN;
  const rows = parseCsv(text, file, [time, prompt, output]);
  const columns = new Columns(file, rows.length);
  // Times since the first day keep the 100 ns that times since 1970 would lose.
  let origin = Number.NaN;
  for (const row of rows) {
    let seconds = 0;
    if (isAzure) {
      const { day, ofDay } = azureTime(row.text(time), file, row.line);
      if (Number.isNaN(origin)) origin = day;
      seconds = day - origin + ofDay;
    } else seconds = row.number(time);
    columns.add(row.line, seconds, row.number(prompt), row.number(output));
  }
  return columns.trace();
}

/** `2023-11-16 18:17:03.9799600`, 100 ns steps. */
const STAMP = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|\+00:00)?$/;

/** A time stamp as the seconds at which its day begins and those of the day. */
function azureTime(stamp: string, file: string, line: number): { day: number; ofDay: number } {
  const match = STAMP.exec(stamp);
  const day = match ? Date.parse(`${match[1]}T00:00:00Z`) : Number.NaN;
  const whole = match ? Date.parse(`${match[1]}T${match[2]}Z`) : Number.NaN;
  if (Number.isNaN(whole))
    throw wrong(file, line, `${JSON.stringify(stamp)} as TIMESTAMP`, 'a time such as 2023-11-16 18:17:03.97');
  return { day: day / 1e3, ofDay: (whole - day) / 1e3 + Number(`0${match![3] ?? ''}`) };
}

interface MooncakeRow {
  readonly timestamp?: unknown;
  readonly input_length?: unknown;
  readonly output_length?: unknown;
  readonly hash_ids?: unknown;
}

function parseMooncake(text: string, file: string): Trace {
  const lines = text.split(/\r?\n/);
  const columns = new Columns(file, lines.length);
  for (const [index, content] of lines.entries()) {
    if (content.trim() === '') continue;
    const line = index + 1;
    const row = parseLine(content, file, line);
    const number = (key: keyof MooncakeRow): number => {
      const value = row[key];
      if (typeof value === 'number') return value;
      throw wrong(
        file,
        line,
        `${typeof value === 'undefined' ? 'nothing' : JSON.stringify(value)} as ${key}`,
        'a number',
      );
    };
    const blocks = row.hash_ids ?? null;
    if (blocks !== null && !(Array.isArray(blocks) && blocks.every(isBlock)))
      throw wrong(
        file,
        line,
        `${JSON.stringify(blocks).slice(0, 40)} as hash_ids`,
        'a list of whole numbers',
      );
    columns.add(
      line,
      number('timestamp') / 1e3,
      number('input_length'),
      number('output_length'),
      blocks as readonly number[] | null,
    );
  }
  return columns.trace();
}

function parseLine(content: string, file: string, line: number): MooncakeRow {
  let value: unknown;
  try {
    value = parseJson(content, file);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw wrong(file, line, error.facts.given, 'one JSON object per line');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as MooncakeRow;
  throw wrong(file, line, content.slice(0, 40), 'one JSON object per line');
}

function isBlock(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

class Columns {
  private readonly file: string;
  private readonly seconds: Float64Array;
  private readonly prompts: Int32Array;
  private readonly outputs: Int32Array;
  private readonly starts: number[] = [];
  private readonly hashes: number[] = [];
  private count = 0;
  private hashCount = 0;

  constructor(file: string, most: number) {
    this.file = file;
    this.seconds = new Float64Array(most);
    this.prompts = new Int32Array(most);
    this.outputs = new Int32Array(most);
  }

  add(
    line: number,
    seconds: number,
    prompt: number,
    output: number,
    blocks: readonly number[] | null = null,
  ): void {
    const { file, count } = this;
    for (const [what, tokens] of [
      ['prompt tokens', prompt],
      ['output tokens', output],
    ] as const) {
      if (!Number.isInteger(tokens) || tokens < 1 || tokens > MAX_TOKENS)
        throw wrong(file, line, `${tokens} ${what}`, `a whole number from 1 to ${MAX_TOKENS}`);
    }
    const since = count === 0 ? 0 : seconds - this.first;
    if (!Number.isFinite(seconds)) throw wrong(file, line, `${seconds} as time`, 'a number');
    if (count === 0) this.first = seconds;
    else if (since < this.seconds[count - 1]!)
      throw wrong(file, line, 'a time before the line above', 'times that do not decrease');
    if (count > 0 && (blocks !== null) !== this.starts.length > 0)
      throw wrong(file, line, blocks ? 'hash_ids' : 'no hash_ids', 'hash_ids in all lines or in none');
    if (blocks !== null) {
      if (blocks.length < Math.floor(prompt / 512))
        throw wrong(file, line, `${blocks.length} hash_ids for ${prompt} tokens`, 'one for each 512 tokens');
      this.starts.push(this.hashes.length);
      for (const block of blocks) {
        this.hashes.push(block);
        if (block >= this.hashCount) this.hashCount = block + 1;
      }
    }
    this.seconds[count] = since;
    this.prompts[count] = prompt;
    this.outputs[count] = output;
    this.count++;
  }

  private first = 0;

  trace(): Trace {
    const { count } = this;
    return {
      name: this.file.split(/[\\/]/).at(-1)!,
      seconds: this.seconds.slice(0, count),
      promptTokens: this.prompts.slice(0, count),
      outputTokens: this.outputs.slice(0, count),
      hashes: Int32Array.from(this.hashes),
      hashStarts: Int32Array.from(this.starts),
      hashCount: this.hashCount,
    };
  }
}

function wrong(file: string, line: number, given: string, expected: string): FormatError {
  return new FormatError({ what: `${file}, line ${line}`, given, expected, todo: 'Correct that line.' });
}
