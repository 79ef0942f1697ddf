/** Why a server cannot listen where it was told to, in words for who told it. */
import { messageOf, OptionError } from '../core/errors.js';

interface Reason {
  readonly given: string;
  readonly expected: string;
  readonly todo: string;
}

const freePort = 'Choose another one with --port; 0 takes a free one.';
const reasons: Readonly<Record<string, Reason>> = {
  EADDRINUSE: { given: 'one that is in use by another program', expected: 'a free port', todo: freePort },
  EACCES: {
    given: 'one that this user may not open',
    expected: 'a port from 1024 on, or the right to open a lower one',
    todo: freePort,
  },
  ERR_SOCKET_BAD_PORT: { given: 'no port', expected: 'a whole number from 0 to 65535', todo: freePort },
};
const ownAddress: Reason = {
  given: 'an address that this machine does not have',
  expected: 'an address or name of this machine',
  todo: 'Use 127.0.0.1 for this machine alone, or 0.0.0.0 for all of its addresses.',
};
const hostReasons: Readonly<Record<string, Reason>> = {
  EADDRNOTAVAIL: ownAddress,
  ENOTFOUND: { ...ownAddress, given: 'a name that no address is known for' },
  EAI_AGAIN: { ...ownAddress, given: 'a name that no address is known for' },
  EAFNOSUPPORT: ownAddress,
  EINVAL: ownAddress,
};

/**
 * Waits until a server listens.
 * @throws OptionError when it cannot, as that lies in the address or the port
 */
export async function listening<T>(start: Promise<T>, host: string, port: number): Promise<T> {
  return start.catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    const ofHost = hostReasons[code];
    const reason = ofHost ??
      reasons[code] ?? { given: messageOf(cause), expected: 'a port that can be opened', todo: freePort };
    throw new OptionError(
      { what: ofHost ? `host ${host}` : `port ${port} of ${host}`, ...reason },
      { cause },
    );
  });
}
