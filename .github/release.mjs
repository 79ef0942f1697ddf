/**
 * Makes a release here: checks, version, tag and tarball. Nothing is pushed or published.
 *   node .github/release.mjs 0.3.0
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

const version = process.argv[2] ?? '';
const fail = (message) => {
  console.error(message);
  process.exit(1);
};
const run = (command, ...args) => execFileSync(command, args, { stdio: 'inherit' });
const read = (command, ...args) => execFileSync(command, args, { encoding: 'utf8' }).trim();

if (!/^\d+\.\d+\.\d+(-[a-z0-9.]+)?$/.test(version)) fail('Give the version, such as 0.3.0.');
if (read('git', 'status', '--porcelain') !== '') fail('Commit or stash what is not committed first.');
if (read('git', 'tag', '--list', `v${version}`) !== '') fail(`There is a tag v${version} already.`);

const changelog = readFileSync('CHANGELOG.md', 'utf8');
const heading = '## Not released yet\n';
const notes = changelog.split(heading)[1]?.split('\n## ')[0]?.trim() ?? '';
if (notes === '') fail('CHANGELOG.md has nothing under "Not released yet": say what changed.');

run('npm', 'ci');
run('npm', 'run', 'check');
run('npm', 'test');
const today = new Date().toISOString().slice(0, 10);
writeFileSync('CHANGELOG.md', changelog.replace(heading, `${heading}\n## ${version}, ${today}\n`));
run('npm', 'version', version, '--no-git-tag-version');
run('git', 'commit', '--all', '--message', `Release ${version}`);
run('git', 'tag', '--annotate', `v${version}`, '--message', notes);
run('npm', 'pack');
console.log(`Release ${version} is tagged and packed. Push with: git push --follow-tags`);
