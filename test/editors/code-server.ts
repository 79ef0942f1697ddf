/** A real VS Code in a browser (code-server), with the packed extension in it. */
import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

export const VSIX = fileURLToPath(new URL('../../editors/vscode/waferflow.vsix', import.meta.url));

/** Folder of code-server, or null and one line on stderr where it is not wanted or the extension is not packed. */
export function codeServerFolder(): string | null {
  const folder = process.env.CODE_SERVER;
  if (folder === undefined) {
    process.stderr.write(
      'skipped: no CODE_SERVER, a folder with code-server (see editors/vscode/README.md)\n',
    );
    return null;
  }
  if (existsSync(VSIX)) return folder;
  process.stderr.write('skipped: the extension is not packed; npm run package --prefix editors/vscode\n');
  return null;
}

export interface EditorSession {
  readonly page: Page;
  /** What the extension wrote to its log. */
  log(): string;
  /** The first file as it lies on the disk. */
  saved(): string;
  close(): Promise<void>;
}

export interface EditorOptions {
  readonly settings: Readonly<Record<string, unknown>>;
  /** Names and texts of the workspace's files; the first is opened. */
  readonly files: Readonly<Record<string, string>>;
}

/** Starts an editor of its own, installs the extension, and opens the first file. */
export async function openEditor(
  browser: Browser,
  folder: string,
  { settings, files }: EditorOptions,
): Promise<EditorSession> {
  const [first = ''] = Object.keys(files);
  const home = mkdtempSync(join(tmpdir(), 'waferflow-editor-'));
  const [workspace, data] = [join(home, 'shop'), join(home, 'data')];
  mkdirSync(workspace);
  mkdirSync(join(data, 'User'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(workspace, name), text);
  writeFileSync(join(data, 'User', 'settings.json'), JSON.stringify({ ...QUIET, ...settings }));
  const entry = join(folder, 'node_modules/code-server/out/node/entry.js');
  const places = ['--user-data-dir', data, '--extensions-dir', join(data, 'extensions')];
  await promisify(execFile)(process.execPath, [entry, ...places, '--install-extension', VSIX]);
  const port = await freePort();
  const address = ['--auth', 'none', '--bind-addr', `127.0.0.1:${port}`];
  const quiet = ['--disable-telemetry', '--disable-update-check', '--disable-workspace-trust'];
  const server = spawn(process.execPath, [entry, ...address, ...places, ...quiet, workspace], {
    stdio: 'ignore',
    detached: true,
  });
  const page = await browser.newPage({ viewport: { width: 960, height: 540 } });
  const close = async (): Promise<void> => {
    await page.close();
    process.kill(-server.pid!, 'SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 10 });
  };
  try {
    const url = `http://127.0.0.1:${port}`;
    await expect.poll(() => isUp(url), { timeout: 60_000 }).toBe(true);
    await page.goto(`${url}/?folder=${workspace}`);
    await page.getByRole('treeitem', { name: first }).dblclick({ timeout: 60_000 });
    await page.locator('.monaco-editor .view-lines').first().waitFor();
  } catch (error) {
    await close();
    throw error;
  }
  const saved = (): string => readFileSync(join(workspace, first), 'utf8');
  return { page, log: () => logOf(join(data, 'logs')), saved, close };
}

const QUIET = {
  'workbench.startupEditor': 'none',
  'workbench.colorTheme': 'Default Light Modern',
  'workbench.tips.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'window.commandCenter': false,
  'editor.minimap.enabled': false,
  'files.autoSave': 'afterDelay',
  'files.autoSaveDelay': 100,
  'editor.quickSuggestions': { other: 'off', comments: 'off', strings: 'off' },
  'editor.suggestOnTriggerCharacters': false,
  'typescript.validate.enable': false,
};

async function isUp(url: string): Promise<boolean> {
  const response = await fetch(`${url}/healthz`).catch(() => null);
  return response?.ok === true;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}

function logOf(folder: string): string {
  if (!existsSync(folder)) return '';
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('waferflow.log'))
    .map((path) => readFileSync(join(folder, path), 'utf8'))
    .join('');
}
