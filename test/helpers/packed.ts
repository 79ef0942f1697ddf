/** The package as `npm pack` makes it, in a folder where nothing else is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/** A new folder that the tarball lies in as an install would put it, its dependencies linked; asks no registry. */
export function unpackedApp(): string {
  const app = mkdtempSync(join(tmpdir(), 'waferflow-packed-'));
  const library = join(app, 'node_modules/waferflow');
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', app];
  const [{ filename }] = JSON.parse(execFileSync('npm', pack, { encoding: 'utf8' })) as [
    { filename: string },
  ];
  mkdirSync(library, { recursive: true });
  execFileSync('tar', ['-xzf', join(app, filename), '-C', library, '--strip-components=1']);
  const { dependencies } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8')) as {
    dependencies: Readonly<Record<string, string>>;
  };
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(app, 'node_modules', name)), { recursive: true });
    symlinkSync(resolve('node_modules', name), join(app, 'node_modules', name));
  }
  writeFileSync(
    join(app, 'package.json'),
    JSON.stringify({ type: 'module', dependencies: { waferflow: `file:${filename}` } }),
  );
  return app;
}
