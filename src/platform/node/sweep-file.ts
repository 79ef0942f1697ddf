/**
 * The results of a sweep as JSON lines: a line that says what the sweep is, then one line per job in the order of
 * the jobs, each on disk before the next begins. A process that is killed leaves at most a torn last line, which
 * the next one drops, so that an interrupted and an uninterrupted run end with the same bytes.
 */
import { closeSync, existsSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { FormatError, messageOf } from '../../core/errors.js';
import { writeError } from './write-file.js';

interface Line {
  readonly job: string;
  readonly result: string;
}

export class SweepFile {
  readonly path: string;
  private readonly done: readonly Line[];
  private readonly descriptor: number;
  private readonly later = new Map<number, Line>();
  private next: number;
  private written = 0;

  private constructor(path: string, descriptor: number, done: readonly Line[]) {
    this.path = path;
    this.descriptor = descriptor;
    this.done = done;
    this.next = done.length;
  }

  /**
   * Opens the file, or begins it.
   *
   * @throws FormatError when it belongs to another sweep or a line before the last is damaged
   */
  static open(path: string, key: string): SweepFile {
    const head = `${JSON.stringify({ waferflow: 'capacity', sweep: key })}\n`;
    const text = readWhole(path);
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const lines = whole.split('\n').slice(0, -1);
    const isTorn = lines.length === 0 && head.startsWith(text);
    if (!isTorn && `${lines[0]}\n` !== head) {
      throw new FormatError({
        what: path,
        given: lines[0]?.startsWith('{"waferflow":"capacity"')
          ? 'the results of another search'
          : 'another kind of file',
        expected: 'the results of this model, workload, SLO and machines',
        todo: 'Pass another --resume file, or delete this one.',
      });
    }
    const done = lines.slice(1).map((line, index) => parseLine(line, path, index + 2));
    const descriptor = onDisk(path, () => openSync(path, existsSync(path) ? 'r+' : 'w+'));
    const file = new SweepFile(path, descriptor, done);
    onDisk(path, () => {
      file.written = Buffer.byteLength(isTorn ? '' : whole);
      ftruncateSync(descriptor, file.written);
    });
    if (isTorn) file.append(head);
    return file;
  }

  get finished(): number {
    return this.done.length;
  }

  /** The result of a job that an earlier run has done; null when it has not. */
  resultOf(index: number, job: string): string | null {
    const line = this.done[index];
    if (!line) return null;
    if (line.job === job) return line.result;
    throw new FormatError({
      what: `${this.path}, line ${index + 2}`,
      given: 'the result of another job',
      expected: 'the jobs of this search in their order',
      todo: 'Delete the file.',
    });
  }

  /** Keeps the result of a job; it is written as soon as all before it are. */
  add(index: number, job: string, result: string): void {
    this.later.set(index, { job, result });
    for (let line = this.later.get(this.next); line; line = this.later.get(this.next)) {
      this.append(`{"job":${line.job},"result":${line.result}}\n`);
      this.later.delete(this.next++);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private append(text: string): void {
    onDisk(this.path, () => {
      const bytes = Buffer.from(text);
      const end = this.written;
      let from = 0;
      while (from < bytes.length)
        from += writeSync(this.descriptor, bytes, from, bytes.length - from, end + from);
      fsyncSync(this.descriptor);
      this.written = end + bytes.length;
    });
  }
}

function readWhole(path: string): string {
  return existsSync(path) ? onDisk(path, () => readFileSync(path, 'utf8')) : '';
}

function parseLine(line: string, path: string, number: number): Line {
  try {
    const { job, result } = JSON.parse(line) as { job: unknown; result: unknown };
    if (typeof job !== 'object' || typeof result !== 'object') throw new Error('no job or no result');
    return { job: JSON.stringify(job), result: JSON.stringify(result) };
  } catch (error) {
    throw new FormatError(
      {
        what: `${path}, line ${number}`,
        given: messageOf(error),
        expected: 'a job and its result',
        todo: 'Delete the file and run the search again.',
      },
      { cause: error },
    );
  }
}

function onDisk<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw writeError(path, error);
  }
}
