/** `waferflow keys`: makes an API key and the line by which a server knows it. */
import type { Command } from 'commander';
import { makeKey } from '../server/gate/key-file.js';
import { parseCount } from './options.js';

interface KeysFlags {
  readonly requests?: number;
  readonly tokens?: number;
}

export function registerKeys(program: Command): void {
  program
    .command('keys')
    .description('make an API key for `serve`: its line goes to stdout, the key itself to stderr')
    .argument('<name>', 'whose key it is')
    .option('--requests <n>', 'requests a minute (default: unlimited)', parseCount)
    .option('--tokens <n>', 'tokens a minute, of prompts and answers (default: unlimited)', parseCount)
    .addHelpText('after', '\nExample:\n  $ waferflow keys alice --requests 60')
    .action((name: string, { requests, tokens }: KeysFlags) => {
      const { key, line } = makeKey(name);
      const limits = Object.entries({ requests, tokens }).filter(([, value]) => value !== undefined);
      process.stdout.write(`${[line, ...limits.map((limit) => limit.join('='))].join(' ')}\n`);
      console.error(`The key of ${name}, shown only now: ${key}`);
    });
}
