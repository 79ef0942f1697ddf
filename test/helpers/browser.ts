/** A real Chromium for tests, from `test/tools` or from the system; tests skip with one line where there is none. */
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';

const TOOLS = fileURLToPath(new URL('../tools/package.json', import.meta.url));
const SYSTEM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];

interface ChromiumPackage {
  readonly default: { executablePath(): Promise<string> };
}

/**
 * A headless Chromium, or null and one line on stderr where none is installed. Use at the top of a file as
 * `const browser = await launchBrowser()`, then `describe.skipIf(browser === null)` and `afterAll(() => browser?.close())`.
 */
export async function launchBrowser(args: readonly string[] = []): Promise<Browser | null> {
  const executablePath = (await packaged()) ?? SYSTEM.find((path) => existsSync(path));
  if (executablePath === undefined) {
    process.stderr.write('skipped: no Chromium; npm ci --prefix test/tools installs one\n');
    return null;
  }
  return await chromium.launch({ executablePath, args: [...ARGS, ...args] });
}

async function packaged(): Promise<string | undefined> {
  let entry: string;
  try {
    entry = createRequire(TOOLS).resolve('@sparticuz/chromium');
  } catch {
    return undefined;
  }
  const { version } = createRequire(entry)('../../package.json') as { version: string };
  const home = join(tmpdir(), `waferflow-chromium-${version}-${process.getuid?.() ?? 0}`);
  if (!existsSync(home)) {
    // The package takes a half-written file of another process for a whole one: unpack aside, then rename.
    const aside = mkdtempSync(`${home}-`);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = aside;
    try {
      const module = (await import(pathToFileURL(entry).href)) as ChromiumPackage;
      await module.default.executablePath();
      moveUnlessThere(aside, home);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
      rmSync(aside, { recursive: true, force: true });
    }
  }
  return join(home, 'chromium');
}

function moveUnlessThere(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!existsSync(to)) throw error;
  }
}
