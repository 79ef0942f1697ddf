/** Programs written in the page: what is said of them, and that they cannot leave their box. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as fabric from '../../src/fabric/index.js';
import { importable, runProgram, type Verdict } from '../../src/web/program/run-program.js';
import { packed, unpacked } from '../../src/web/program/share.js';
import type { TaskName } from '../../src/web/program/task.js';
import { launchBrowser } from '../helpers/browser.js';
import { isolatedSite, open, type Site, seriousFindings } from './page.js';

const browser = await launchBrowser();

const starter = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../src/web/program/starters/${name}.js`, import.meta.url)), 'utf8');

Object.assign(globalThis, { testFabric: fabric });

async function run(code: string, task: TaskName | null): Promise<Verdict> {
  const text = `${importable(code, 'globalThis.testFabric')}\n//# sourceURL=mine.mjs`;
  const module = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`)) as {
    readonly default?: unknown;
  };
  return runProgram(module.default, task, { code, address: 'mine.mjs' });
}

/** Two chains that meet in PE 8, and a flood from there. */
const TO_THE_MIDDLE = `
import { broadcast as flood, Mesh, row } from 'waferflow/fabric';
export default function faster({ machine, width, elements }) {
  const mesh = new Mesh(machine, { width, height: 1 });
  const [west, east] = ['west', 'east'].map((name) => [mesh.color(name + ' 0'), mesh.color(name + ' 1')]);
  const back = FLOOD ? flood(row(mesh, 0), 8, mesh.color('flood')) : null;
  const inputs = [];
  for (let x = 0; x < width; x++) {
    const pe = mesh.pe({ x, y: 0 });
    const own = pe.buffer('own', 'f32', elements);
    inputs.push(own);
    const side = x > 8 ? west : east;
    const [gives, takes] = [side[x % 2], side[(x + 1) % 2]];
    if (x !== 8) {
      const to = x > 8 ? -1 : 1;
      mesh.route({ x, y: 0 }, gives, { rx: ['RAMP'], tx: [to < 0 ? 'WEST' : 'EAST'] });
      mesh.route({ x: x + to, y: 0 }, gives, { rx: [to < 0 ? 'EAST' : 'WEST'], tx: ['RAMP'] });
    }
    pe.main = function* () {
      if (x === 0 || x === width - 1) yield pe.send(gives, own.view());
      else if (x !== 8) yield pe.relayFold(takes, own.view(), gives, 'add');
      else {
        yield pe.receiveFold(east[1], own.view(), 'add');
        yield pe.receiveFold(west[1], own.view(), 'add');
      }
      if (back !== null) yield* back(pe, x, own.view());
    };
  }
  return { mesh, inputs, outputs: FLOOD ? inputs : [inputs[8]] };
}`;

const SOLUTIONS: Readonly<Record<TaskName, string>> = {
  reduce: TO_THE_MIDDLE.replaceAll('FLOOD', 'false'),
  allreduce: TO_THE_MIDDLE.replaceAll('FLOOD', 'true'),
  deadlock: starter('deadlock').replaceAll(/yield (left|right)\.send/g, '$1.send'),
  stencil: starter('stencil')
    .replace(
      'const inputs = [];',
      "const back = [mesh.color('west even'), mesh.color('west odd')];\n  const south = [mesh.color('south even'), mesh.color('south odd')];\n  const north = [mesh.color('north even'), mesh.color('north odd')];\n  const inputs = [];",
    )
    .replace(
      'pe.main = function* () {',
      `const links = [[1, 0, 'EAST', 'WEST', east, x], [-1, 0, 'WEST', 'EAST', back, x], [0, 1, 'SOUTH', 'NORTH', south, y], [0, -1, 'NORTH', 'SOUTH', north, y]];
      const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height;
      for (const [dx, dy, out, into, colors, at] of links.slice(1)) {
        if (!inside(x + dx, y + dy)) continue;
        mesh.route({ x, y }, colors[at % 2], { rx: ['RAMP'], tx: [out] });
        mesh.route({ x: x + dx, y: y + dy }, colors[at % 2], { rx: [into], tx: ['RAMP'] });
      }
      pe.main = function* () {`,
    )
    .replace(
      /if \(x < width - 1\) pe\.send[\s\S]*?'add'\);\n/,
      `for (const [dx, dy, , , colors, at] of links) if (inside(x + dx, y + dy)) pe.send(colors[at % 2], own.view());
        for (const [dx, dy, , , colors, at] of links) if (inside(x - dx, y - dy)) yield pe.receiveFold(colors[(at + 1) % 2], sum.view(), 'add');\n`,
    ),
};

describe('a program', () => {
  it.each(['reduce', 'deadlock', 'stencil', 'allreduce'] as const)(
    'of the exercise %s is wrong as it begins, and right when it is solved',
    async (name) => {
      const before = await run(starter(name), name);
      expect('problem' in before || !before.isRight).toBe(true);
      const after = await run(SOLUTIONS[name], name);
      expect('problem' in after ? after.problem : after.said).toMatch(/^Right, in \d+ cycles/);
    },
  );

  it.each([
    [starter('sram'), /SRAM of PE \(1, 0\).*52096 B/, "pe.buffer('weights'"],
    [starter('deadlock'), /deadlock.*circle of waits/, "mesh.color('east')"],
    [starter('two-pes').replace('mesh.color', 'mesh.colour'), /colour is not a function/, 'mesh.colour'],
    [starter('two-pes').replace("tx: ['EAST']", "tx: ['NORTH']"), /NORTH to \(0, -1\)/, "mesh.color('x')"],
  ])('that cannot run is told at its line: %#', async (code, message, at) => {
    const verdict = await run(code, code.includes('function trade') ? 'deadlock' : null);
    if (!('problem' in verdict)) throw new Error('it ran');
    expect(verdict.problem).toMatch(message);
    expect(code.split('\n')[verdict.line! - 1]).toContain(at);
  });

  it.each([
    ['export const x = 1;', /no function as its default export/],
    ['export default () => 7;', /without a mesh/],
    [
      "import { Mesh as M } from 'waferflow/fabric';\nexport default ({ machine }) => new M(machine, { width: 100, height: 100 });",
      /100 x 100 PEs.*at most 4096/,
    ],
    [
      "import { Mesh } from 'waferflow/fabric';\nexport default ({ machine }) => { const mesh = new Mesh(machine, { width: 1, height: 1 }); const pe = mesh.pe({ x: 0, y: 0 }); pe.main = function* () { for (;;) yield pe.compute({ cycles: 999 }); }; return mesh; };",
      /cycle/,
    ],
  ])('that makes no sense is told what was expected: %#', async (code, message) => {
    const verdict = await run(code, null);
    expect('problem' in verdict && verdict.problem).toMatch(message);
  });

  it('fits in a link, and comes back from it', async () => {
    const code = starter('stencil');
    const short = await packed(code);
    expect(short).toMatch(/^[\w-]+$/);
    expect(short.length).toBeLessThan(1000);
    expect(await unpacked(short)).toBe(code);
    expect(await unpacked('nonsense!')).toBeNull();
  });
});

describe.skipIf(browser === null)('the view of programs', () => {
  let site: Site;
  beforeAll(async () => {
    site = await isolatedSite();
  });
  afterAll(async () => {
    await site.close();
    await browser?.close();
  });

  it('runs what is written, marks the line of an error, and keeps the program in the link', async () => {
    const { page, complaints } = await open(browser!, `${site.url}#/program`);
    await page.locator('.cm-content').waitFor();
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText(/14 cycles/).waitFor();
    await page.locator('.watch canvas').first().waitFor();
    await page.locator('.cm-content').press('Control+Home');
    await page.keyboard.type('// mine\n');
    await page.waitForFunction(() => location.hash.includes('code='));
    const other = await open(browser!, page.url());
    await other.page.getByText('// mine').waitFor();
    await other.page.getByText(/came with the link/).waitFor();
    expect(await other.page.locator('.watch').count()).toBe(0);

    await page.getByLabel('Begin with').selectOption('deadlock');
    await page.getByRole('button', { name: 'Run' }).click();
    await page
      .getByText(/circle of waits/)
      .first()
      .waitFor();
    expect(await page.locator('.cm-lintRange-error').count()).toBeGreaterThan(0);
    expect(await seriousFindings(page)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
    await other.page.context().close();
  });

  it('keeps a program of a link in a box: no network, no storage, nothing of the page', async () => {
    let hits = 0;
    const outside = createServer((_, response) => {
      hits++;
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('cross-origin-resource-policy', 'cross-origin');
      response.setHeader('content-type', 'text/javascript');
      response.end('export default 1;');
    });
    await new Promise<void>((resolve) => outside.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(outside.address() as AddressInfo).port}/`;
    const code = `
      const tries = {
        fetch: () => fetch('${address}'),
        import: () => import('${address}'),
        script: async () => importScripts('${address}'),
        beacon: async () => { if (!navigator.sendBeacon('${address}')) throw 1; },
        storage: () => new Promise((open, fail) => { const r = indexedDB.open('x'); r.onsuccess = open; r.onerror = fail; }),
      };
      const went = [];
      for (const [name, go] of Object.entries(tries)) await Promise.resolve().then(go).then(() => went.push(name), () => undefined);
      export default function box() {
        throw new Error('went: ' + went.join() + '; stayed in ' + location.origin + ' ' + typeof document);
      }`;
    const { page } = await open(browser!, `${site.url}#/program?code=${await packed(code)}`);
    await page.getByText(/came with the link/).waitFor();
    await page.getByRole('button', { name: 'Run' }).click();
    await page
      .getByText(/went: ; stayed in null undefined/)
      .first()
      .waitFor();
    expect(hits).toBe(0);
    // The page itself reaches it, so the count means something.
    expect(await page.evaluate(async (url) => (await fetch(url)).ok, address)).toBe(true);
    expect(hits).toBe(1);
    outside.close();
    await page.context().close();
  });

  it('ends a program that never ends', async () => {
    const code = 'while (true);\nexport default () => null;';
    const { page } = await open(browser!, `${site.url}#/program?code=${await packed(code)}`);
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByText(/more than 10 seconds/).waitFor();
    await page.context().close();
  });
});
