/** API keys in a file or the environment: a line per key, with its name and the SHA-256 of its text. */
import { randomBytes } from 'node:crypto';
import { OptionError } from '../../core/errors.js';
import { type ApiKey, hashKey } from './keys.js';

const LINE = /^(?<name>[\w.@-]{1,64})\s+(?<hash>[0-9a-f]{64})(?<limits>(?:\s+\w+=\d+)*)$/i;

/**
 * Reads the lines of a key file: `NAME SHA256 [requests=N] [tokens=N]`, limits per minute; `#` starts a comment.
 *
 * @throws OptionError naming the line that is wrong, or when there is no key
 */
export function parseKeyFile(text: string, file: string): ApiKey[] {
  const keys = text.split(/\r?\n/).flatMap((line, i): ApiKey[] => {
    const content = line.replace(/#.*$/, '').trim();
    return content === '' ? [] : [parseLine(content, `${file}, line ${i + 1}`)];
  });
  requireKeys(keys, file);
  return keys;
}

function parseLine(line: string, what: string): ApiKey {
  const { name, hash, limits = '' } = LINE.exec(line)?.groups ?? {};
  if (name === undefined || hash === undefined) {
    // What stands there may be a key, so it is not shown.
    throw keyError(what, 'something else', 'NAME SHA256 [requests=N] [tokens=N]');
  }
  const given = new Map(
    [...limits.matchAll(/(\w+)=(\d+)/g)].map(([, limit = '', value]) => [limit, Number(value)]),
  );
  const unknown = [...given].find(([limit, value]) => !['requests', 'tokens'].includes(limit) || value < 1);
  if (unknown) throw keyError(what, unknown.join('='), 'requests=N and tokens=N, at least 1 a minute');
  return {
    name,
    sha256: Buffer.from(hash, 'hex'),
    requestsPerMinute: given.get('requests') ?? null,
    tokensPerMinute: given.get('tokens') ?? null,
  };
}

/** Keys of an environment variable: `NAME=KEY,NAME=KEY` or plain keys. The texts are hashed at once. */
export function parseKeyList(text: string, variable: string): ApiKey[] {
  const items = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const keys = items.map((item, i): ApiKey => {
    const [, name = `key-${i + 1}`, key = ''] = /^(?:([\w.@-]{1,64})=)?(\S{8,})$/.exec(item) ?? [];
    if (key === '')
      throw keyError(variable, `a key shorter than 8 characters`, 'KEY or NAME=KEY, separated by commas');
    return { name, sha256: hashKey(key), requestsPerMinute: null, tokensPerMinute: null };
  });
  requireKeys(keys, variable);
  return keys;
}

/** A new key and its line for a key file. */
export function makeKey(name: string): { readonly key: string; readonly line: string } {
  const key = `wf-${randomBytes(24).toString('base64url')}`;
  const line = `${name} ${hashKey(key).toString('hex')}`;
  parseLine(line, 'name of the key');
  return { key, line };
}

function requireKeys(keys: readonly ApiKey[], what: string): void {
  if (keys.length === 0) throw keyError(what, 'no key', 'at least one');
  const names = keys.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw keyError(what, `two keys named ${twice}`, 'a name for each key');
}

function keyError(what: string, given: string, expected: string): OptionError {
  return new OptionError({ what, given, expected, todo: 'Make a line with `waferflow keys NAME`.' });
}
