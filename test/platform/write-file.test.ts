import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { energyMeter } from '#src/platform/node/energy.js';
import { WriteError, writeFileAtomic } from '#src/platform/node/write-file.js';

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'waferflow-test-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

describe('a report file', () => {
  it('replaces the old one as a whole', async () => {
    const path = join(directory(), 'report.html');
    await writeFileAtomic(path, 'first');
    await writeFileAtomic(path, 'second');
    expect(readFileSync(path, 'utf8')).toBe('second');
    expect(readdirSync(join(path, '..'))).toEqual(['report.html']);
  });

  it('leaves what was there when it cannot be written', async () => {
    const home = directory();
    const path = join(home, 'report.html');
    mkdirSync(path);
    writeFileSync(join(path, 'old'), 'old');
    await expect(writeFileAtomic(path, 'new')).rejects.toThrow(WriteError);
    expect(readdirSync(home)).toEqual(['report.html']);
    expect(readFileSync(join(path, 'old'), 'utf8')).toBe('old');
    const nowhere = writeFileAtomic(join(home, 'none', 'report.html'), 'new');
    await expect(nowhere).rejects.toThrow(/no such directory.*old one is as it was.*Make the directory/);
  });

  it('takes the place of what a link leads to, and of nothing that is no file', async () => {
    const home = directory();
    const [path, link, lost, pipe] = ['report.html', 'link', 'lost', 'pipe'].map((name) => join(home, name));
    symlinkSync('report.html', link!);
    symlinkSync('nowhere', lost!);
    execFileSync('mkfifo', [pipe!]);
    writeFileSync(path!, 'old');
    await writeFileAtomic(link!, 'new');
    expect(readFileSync(path!, 'utf8')).toBe('new');
    expect(lstatSync(link!).isSymbolicLink()).toBe(true);
    for (const other of [lost!, pipe!, '/dev/null', '/dev/full'])
      await expect(writeFileAtomic(other, 'new')).rejects.toThrow(/expected a regular file/);
    expect(lstatSync(pipe!).isFIFO()).toBe(true);
    expect(lstatSync('/dev/full').isCharacterDevice()).toBe(true);
    expect(readdirSync(home).toSorted()).toEqual(['link', 'lost', 'pipe', 'report.html']);
  });

  it('leaves no part behind on a full disk', async () => {
    await expect(writeFileAtomic('/dev/full/report.html', 'new')).rejects.toThrow(WriteError);
  });
});

describe('the energy meter', () => {
  it('adds up packages and leaves their parts out', async () => {
    const home = directory();
    for (const [zone, microjoules] of [
      ['intel-rapl:0', 2_000_000],
      ['intel-rapl:0:0', 900_000],
      ['intel-rapl:1', 500_000],
    ] as const) {
      mkdirSync(join(home, zone));
      writeFileSync(join(home, zone, 'energy_uj'), `${microjoules}\n`);
    }
    expect(await energyMeter(home).readJoules()).toBe(2.5);
  });

  it('says why there is nothing to read', async () => {
    const none = energyMeter(join(directory(), 'missing'));
    expect(await none.readJoules()).toBeNull();
    expect(none.source).toContain('missing');
    const empty = energyMeter(directory());
    expect(await empty.readJoules()).toBeNull();
    expect(empty.source).toContain('no energy counter');
  });
});
