/**
 * The Hugging Face hub over HTTP: where a file of a repository lies, how large it is and what it hashes to.
 * Source: the resolve endpoint as the public `huggingface_hub` client uses it (X-Linked-Size, X-Linked-ETag,
 * X-Repo-Commit, X-Error-Code); HF_ENDPOINT and HF_TOKEN are that client's variables.
 */
import { messageOf, WaferflowError } from '../../core/errors.js';
import { type ByteSource, endOfSource } from '../../formats/source.js';

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

const MAX_REDIRECTS = 5;

const baseOf = ({ endpoint }: HubAccess): string =>
  (endpoint || 'https://huggingface.co').replace(/\/+$/, '');

/** Where a file of a repository lies. */
export function hubUrl({ repository, file }: HubFile, access: HubAccess): string {
  return `${baseOf(access)}/${repository}/resolve/main/${file.split('/').map(encodeURIComponent).join('/')}`;
}

/** The paths of a repository's files. Rejects with HubError. */
export async function hubFiles(repository: string, access: HubAccess): Promise<string[]> {
  const url = `${baseOf(access)}/api/models/${repository}`;
  const { response } = await request('GET', url, access, { accept: 'application/json' });
  const answer: unknown = await response.json().catch(() => null);
  // What the hub says of a repository has the list in it; mirrors may have the tree alone.
  const list: unknown = isRecord(answer) ? answer.siblings : answer;
  if (Array.isArray(list)) {
    return list.flatMap((one: unknown) => {
      const path = isRecord(one) ? (one.rfilename ?? one.path) : null;
      return typeof path === 'string' ? [path] : [];
    });
  }
  throw new HubError({
    what: url,
    given: 'an answer without a list of files',
    expected: 'what the hub says of a repository, as JSON',
    todo: 'Check HF_ENDPOINT, or name the file: hf:OWNER/REPO/FILE.gguf.',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Asks for a file's size and tag. Rejects with HubError. */
export async function hubFileInfo(url: string, access: HubAccess): Promise<HubFileInfo> {
  // The first answer carries the hub's own headers; the storage that it redirects to has others.
  const { response, headers } = await request('HEAD', url, access, { 'accept-encoding': 'identity' });
  await response.body?.cancel();
  const etag = (headers.get('x-linked-etag') ?? headers.get('etag') ?? '')
    .replace(/^W\//, '')
    .replaceAll('"', '');
  const sizeBytes = Number(
    headers.get('x-linked-size') ?? response.headers.get('content-length') ?? Number.NaN,
  );
  // A web server that is no hub may have no tag: then its address and size stand for the content.
  const tag =
    etag === '' && !url.startsWith(baseOf(access)) ? `size-${sizeBytes}` : etag.replace(/[^\w.-]/g, '_');
  if (tag === '' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 1) {
    throw new HubError({
      what: url,
      given: `etag ${JSON.stringify(etag)} and size ${sizeBytes}`,
      expected: 'an etag and a size in the headers',
      todo: 'Check HF_ENDPOINT: what answers there does not behave as the hub does.',
    });
  }
  return { url, sizeBytes, etag: tag, sha256: /^[0-9a-f]{64}$/.test(etag) ? etag : null };
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

/**
 * The beginning of a file as a source: what is read of it is fetched, and no more, by one request.
 * The caller closes it.
 */
export function hubHead(info: HubFileInfo, access: HubAccess): ByteSource & { close(): Promise<void> } {
  let bytes = new Uint8Array(0);
  let chunks: AsyncIterator<Uint8Array> | null = null;
  return {
    name: info.url,
    byteLength: info.sizeBytes,
    async read(offset, target) {
      const end = offset + target.byteLength;
      if (end > info.sizeBytes) throw endOfSource(this, offset, target.byteLength);
      chunks ??= (await hubFileBody(info, 0, access)).body[Symbol.asyncIterator]();
      while (bytes.byteLength < end) {
        const { done, value } = await chunks.next();
        if (done === true)
          throw endOfSource({ name: info.url, byteLength: bytes.byteLength }, offset, target.byteLength);
        const grown = new Uint8Array(bytes.byteLength + value.byteLength);
        grown.set(bytes);
        grown.set(value, bytes.byteLength);
        bytes = grown;
      }
      target.set(bytes.subarray(offset, end));
    },
    async close() {
      await chunks?.return?.();
    },
  };
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
  access: HubAccess,
  extra: Record<string, string>,
): Promise<{ response: Response; headers: Headers }> {
  const { token, signal } = access;
  let target = url;
  let headers: Headers | null = null;
  for (let i = 0; i <= MAX_REDIRECTS; i++) {
    const isHub = new URL(target).origin === new URL(baseOf(access)).origin;
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
    if (!URL.canParse(location, target)) {
      throw new HubError({
        what: url,
        given: `a redirect to ${JSON.stringify(location.slice(0, 100))}`,
        expected: 'an address',
        todo: 'Check HF_ENDPOINT and any proxy in between.',
      });
    }
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
