/** The server's log: JSON lines with request ids; prompts and answers never stand in it. */
import { pino } from 'pino';

export type Log = pino.Logger;

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Logs to stderr, since stdout belongs to the command. */
export function createLog(level: LogLevel): Log {
  const options: pino.LoggerOptions = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  return pino(options, pino.destination({ dest: 2, sync: false }));
}
