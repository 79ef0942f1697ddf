/** `waferflow ui`: the page on this machine. */
import { spawn } from 'node:child_process';
import { type Command, InvalidArgumentError } from 'commander';
import { messageOf, OptionError } from '../core/errors.js';
import { interruptible } from './interrupt.js';
import { parseNumber } from './options.js';

const defaultPort = 8750;

export function registerUi(program: Command): void {
  program
    .command('ui')
    .description('the page in your browser: race, wafer, lessons, plan, console')
    .option('--port <n>', 'port on this machine; 0 takes a free one', parsePort, defaultPort)
    .option('--no-open', 'only print the address')
    .addHelpText('after', '\nExamples:\n  $ waferflow ui\n  $ waferflow ui --port 8750 --no-open')
    .action(({ port, open }: { port: number; open: boolean }) =>
      interruptible((signal) => serveUi(port, open, signal)),
    );
}

function parsePort(text: string): number {
  const port = parseNumber(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65535) return port;
  throw new InvalidArgumentError('Expected a port from 0 to 65535.');
}

/** Serves the page on the loopback interface alone, until the signal. */
async function serveUi(port: number, open: boolean, signal: AbortSignal): Promise<void> {
  const { default: Fastify } = await import('fastify');
  const { registerWeb } = await import('../server/web.js');
  const app = Fastify({ forceCloseConnections: true });
  try {
    registerWeb(app, { serves: false });
    const address = await app.listen({ port, host: '127.0.0.1' }).catch((cause: unknown) => {
      const todo = 'Choose another one with --port; 0 takes a free one.';
      const facts = { what: `port ${port}`, given: messageOf(cause), expected: 'a free port', todo };
      throw new OptionError(facts, { cause });
    });
    console.log(`The page is at ${address}/ (Ctrl-C ends it)`);
    if (open) openBrowser(address);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  } finally {
    await app.close();
  }
}

/** Asks the system for its browser; where there is none, the printed address is enough. */
function openBrowser(address: string): void {
  const [command, args] =
    process.platform === 'darwin'
      ? ['open', [address]]
      : process.platform === 'win32'
        ? ['cmd', ['/c', 'start', '', address]]
        : ['xdg-open', [address]];
  spawn(command, args, { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}
