/** The Markdown files that are pages of the site, by their paths in the repository. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const SINGLE = [
  'README.md',
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'bench/LOG.md',
  'bench/peers/README.md',
  'editors/vscode/README.md',
  'models/glint/README.md',
  'test/README.md',
];

export function pages(root) {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name));
  return [...SINGLE, ...docs];
}
