/** What people write for a model of the hub or of the web: `hf:OWNER/REPO[:TYPE|/FILE]`, a hub page, a URL. */
import { OptionError } from '../../core/errors.js';

/** A repository of the hub, with the file in it, or the type of weights among its files, where one was named. */
export interface HubReference {
  readonly kind: 'hub';
  readonly repository: string;
  readonly file: string | null;
  /** Such as `Q4_K_M`, in capitals. */
  readonly type: string | null;
}

export interface UrlReference {
  readonly kind: 'url';
  readonly url: string;
}

export type ModelReference = HubReference | UrlReference;

const NAME = '[A-Za-z0-9][A-Za-z0-9._-]*';
const SHORT = new RegExp(
  `^(?:hf:|(?:https?://)?(?:www\\.)?(?:huggingface\\.co|hf\\.co)/)(${NAME}/${NAME})(.*)$`,
);
/** Hubs answer for these paths of a page as well. */
const PAGE = /^\/(?:blob|resolve|raw|tree)\/[^/]+(?=\/|$)/;

/** Whether a name means something to fetch. */
export function isReference(name: string): boolean {
  return /^(hf:|https?:\/\/|(www\.)?(huggingface\.co|hf\.co)\/)/.test(name);
}

/** Reads a reference. @throws OptionError for anything else, paths with `..` included */
export function parseReference(reference: string): ModelReference {
  const [, repository, rest = ''] = SHORT.exec(reference) ?? [];
  if (repository !== undefined && !repository.endsWith('.gguf')) {
    const hub = { kind: 'hub', repository } as const;
    if (rest === '' || rest === '/') return { ...hub, file: null, type: null };
    const type = /^:([A-Za-z0-9_]+)$/.exec(rest)?.[1];
    if (type !== undefined)
      return { ...hub, file: null, type: type.toLowerCase() === 'latest' ? null : type.toUpperCase() };
    const file = fileOf(rest.replace(/[?#].*$/, '').replace(PAGE, ''), reference.startsWith('http'));
    if (file === '') return { ...hub, file: null, type: null };
    if (file !== null) return { ...hub, file, type: null };
  } else if (/^https?:\/\//.test(reference) && URL.canParse(reference)) {
    const { pathname } = new URL(reference);
    if (pathname.endsWith('.gguf') && fileOf(pathname, true) !== null) return { kind: 'url', url: reference };
  }
  throw new OptionError({
    what: 'model to pull',
    given: JSON.stringify(reference),
    expected: 'hf:OWNER/REPO, hf:OWNER/REPO:TYPE, hf:OWNER/REPO/FILE.gguf, or the URL of a GGUF file',
    todo: "Copy owner, repository and file name from the model's page on the hub.",
  });
}

/** The path in a repository, '' for none, or null where it is no path of a GGUF file. */
function fileOf(path: string, isEncoded: boolean): string | null {
  let plain = path.replace(/^\//, '');
  if (plain === '') return '';
  try {
    if (isEncoded) plain = decodeURIComponent(plain);
  } catch {
    return null;
  }
  const isSafe = plain
    .split('/')
    .every((part) => part !== '' && !part.startsWith('.') && !/[\\:\p{Cc}]/u.test(part));
  return isSafe && plain.endsWith('.gguf') ? plain : null;
}
