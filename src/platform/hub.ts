/**
 * The Hugging Face hub over HTTP: where a file of a repository lies, how large it is and what it hashes to.
 * Source: the resolve endpoint as the public `huggingface_hub` client uses it (X-Linked-Size, X-Linked-ETag,
 * X-Repo-Commit, X-Error-Code); HF_ENDPOINT and HF_TOKEN are that client's variables.
 */
import { messageOf, OptionError, WaferflowError } from '../core/errors.js';

/** The hub refused, could not be reached, or sent something else than it announced. */
export class HubError extends WaferflowError {
  /** True where the same request may succeed later: a dropped connection, a busy server. */
  readonly isTransient: boolean;

  constructor(
    facts: ConstructorParameters<typeof WaferflowError>[0],
    options: { readonly isTransient?: boolean; readonly cause?: unknown } = {},
  ) {
    super(facts, { cause: options.cause });
    this.isTransient = options.isTransient ?? false;
  }
}

export interface HubFile {
  readonly repository: string;
  /** Path inside the repository. */
  readonly file: string;
}

export interface HubAccess {
  /** Default `https://huggingface.co`. */
  readonly endpoint?: string | undefined;
  readonly token?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the hub says of a file before it is fetched. */
export interface HubFileInfo {
  readonly url: string;
  readonly sizeBytes: number;
  /** Names the content: two downloads with the same tag may be joined. */
  readonly etag: string;
  /** The content's SHA-256 where the hub knows it (files in large-file storage), else null. */
  readonly sha256: string | null;
}

const PART = '[A-Za-z0-9][A-Za-z0-9._-]*';
const REFERENCE = new RegExp(`^hf:(${PART}/${PART})/(${PART}(?:/${PART})*)$`);
const MAX_REDIRECTS = 5;

/** Reads `hf:OWNER/REPO/FILE`. Throws OptionError for anything else, `..` included. */
export function parseHubFile(reference: string): HubFile {
  const [, repository, file] = REFERENCE.exec(reference) ?? [];
  if (repository !== undefined && file?.endsWith('.gguf')) return { repository, file };
  throw new OptionError({
    what: 'model to pull',
    given: JSON.stringify(reference),
    expected: 'hf:OWNER/REPO/FILE.gguf',
    todo: "Copy owner, repository and file name from the model's page on the hub.",
  });
}

/** Asks the hub about a file. Rejects with HubError. */
export async function hubFileInfo({ repository, file }: HubFile, access: HubAccess): Promise<HubFileInfo> {
  const base = (access.endpoint || 'https://huggingface.co').replace(/\/+$/, '');
  const url = `${base}/${repository}/resolve/main/${file.split('/').map(encodeURIComponent).join('/')}`;
  // The first answer carries the hub's own headers; the storage that it redirects to has others.
  const { response, headers } = await request('HEAD', url, access, { 'accept-encoding': 'identity' });
  await response.body?.cancel();
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  const sizeBytes = Number(
    headers.get('x-linked-size') ?? response.headers.get('content-length') ?? Number.NaN,
  );
  if (!/^[\w.-]+$/.test(etag) || !Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw new HubError({
      what: url,
      given: `etag ${JSON.stringify(etag)} and size ${sizeBytes}`,
      expected: 'an etag and a size in the headers',
      todo: 'Check HF_ENDPOINT: what answers there does not behave as the hub does.',
    });
  }
  return { url, sizeBytes, etag, sha256: /^[0-9a-f]{64}$/.test(etag) ? etag : null };
}

/** The bytes of a file from `start` on; `isWhole` says that the server ignored `start` and sends all of it. */
export async function hubFileBody(
  info: HubFileInfo,
  start: number,
  access: HubAccess,
): Promise<{ isWhole: boolean; body: AsyncIterable<Uint8Array> }> {
  const { response } = await request('GET', info.url, access, {
    'accept-encoding': 'identity',
    ...(start > 0 && { range: `bytes=${start}-` }),
  });
  return { isWhole: response.status !== 206, body: chunksOf(response, info.url) };
}

async function* chunksOf(response: Response, url: string): AsyncGenerator<Uint8Array> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        throw unreachable(url, thrown);
      });
      if (done) return;
      yield value;
    }
  } finally {
    // A reader that is left early must not keep the connection open; a broken one has nothing to cancel.
    await reader.cancel().catch(() => undefined);
  }
}

/** Follows redirects; the token goes to the hub's own origin alone. `headers` are those of the first answer. */
async function request(
  method: 'HEAD' | 'GET',
  url: string,
  { token, signal }: HubAccess,
  extra: Record<string, string>,
): Promise<{ response: Response; headers: Headers }> {
  let target = url;
  let headers: Headers | null = null;
  for (let i = 0; i <= MAX_REDIRECTS; i++) {
    const isHub = new URL(target).origin === new URL(url).origin;
    const response = await fetch(target, {
      method,
      redirect: 'manual',
      headers: { ...extra, ...(token && isHub && { authorization: `Bearer ${token}` }) },
      ...(signal && { signal }),
    }).catch((thrown: unknown) => {
      throw unreachable(target, thrown);
    });
    headers ??= response.headers;
    const location = response.headers.get('location');
    if (response.status < 300 || response.status >= 400 || location === null) {
      if (response.ok) return { response, headers };
      await response.body?.cancel();
      throw refusal(url, response, Boolean(token));
    }
    await response.body?.cancel();
    target = new URL(location, target).href;
  }
  throw new HubError({
    what: url,
    given: `more than ${MAX_REDIRECTS} redirects`,
    expected: 'the file',
    todo: 'Check HF_ENDPOINT and any proxy in between.',
  });
}

function unreachable(url: string, thrown: unknown): HubError {
  const cause = thrown instanceof Error && thrown.cause ? thrown.cause : thrown;
  return new HubError(
    {
      what: url,
      given: `no complete answer (${messageOf(cause)})`,
      expected: 'a connection to the hub',
      todo: 'Check the network, then run the same command again: it goes on where it stopped.',
    },
    { isTransient: true, cause: thrown },
  );
}

function refusal(url: string, { status, headers }: Response, hasToken: boolean): HubError {
  const code = headers.get('x-error-code') ?? '';
  const wait = headers.get('retry-after');
  const [expected, todo] = ((): [string, string] => {
    if (status === 401) {
      return hasToken
        ? [
            'a token that may read this repository',
            'Check HF_TOKEN and the spelling of owner and repository.',
          ]
        : ['a public repository, or a token', 'Check the spelling; for a private or gated one set HF_TOKEN.'];
    }
    if (status === 403) {
      return [
        'access to this repository',
        'Accept its licence on its page on the hub, with the account of HF_TOKEN.',
      ];
    }
    if (status === 404) {
      const missing = code === 'EntryNotFound' ? 'file' : 'repository and file';
      return [`an existing ${missing}`, "Copy the names from the model's page on the hub."];
    }
    if (status === 429) {
      return [
        'fewer requests',
        `Wait ${wait ?? 'a few minutes'}${/^\d+$/.test(wait ?? '') ? ' s' : ''} and try again.`,
      ];
    }
    return ['the file', 'Try again later: it goes on where it stopped.'];
  })();
  const given = `HTTP ${status}${code ? ` (${code})` : ''}`;
  return new HubError({ what: url, given, expected, todo }, { isTransient: status >= 500 });
}
