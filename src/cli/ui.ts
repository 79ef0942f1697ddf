/** `waferflow ui`: the page on this machine. */
import { spawn } from 'node:child_process';
import type { Command } from 'commander';
import { interruptible } from './interrupt.js';
import { parsePort } from './options.js';

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

/** Serves the page on the loopback interface alone, until the signal. */
async function serveUi(port: number, open: boolean, signal: AbortSignal): Promise<void> {
  const { default: Fastify } = await import('fastify');
  const { registerWeb } = await import('../server/web.js');
  const { listening } = await import('../server/listen.js');
  const host = '127.0.0.1';
  const app = Fastify({ forceCloseConnections: true });
  try {
    registerWeb(app, { serves: false });
    const address = await listening(app.listen({ port, host }), host, port);
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
