/**
 * The state of the page is its address: `#/VIEW?name=value&…`. Reading a parameter never fails; what makes no sense is
 * replaced by the nearest sensible value and told.
 */
import { computed, type ReadonlySignal, signal } from '@preact/signals';

export interface Route {
  readonly view: string;
  readonly params: Readonly<Partial<Record<string, string>>>;
}

export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  return { view: path.split('/')[0]!, params: Object.fromEntries(new URLSearchParams(query)) };
}

export function formatRoute({ view, params }: Route): string {
  const said = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const query = new URLSearchParams(said).toString();
  return `#/${view}${query === '' ? '' : `?${query}`}`;
}

const current = signal<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => {
  current.value = parseRoute(location.hash);
});

export const route: ReadonlySignal<Route> = current;

/** The whole address of the page as it is now, to share. */
export const shareUrl: ReadonlySignal<string> = computed(
  () => new URL(formatRoute(current.value), location.href).href,
);

/** The last parameters of every view, so that its link in the navigation leads back to them. */
const lastParams = new Map<string, Route['params']>();

export function linkTo(view: string): string {
  return formatRoute({ view, params: view === current.value.view ? {} : (lastParams.get(view) ?? {}) });
}

/**
 * Changes parameters of this view; undefined and empty ones disappear. `push` makes a step that the back button undoes,
 * otherwise the address is replaced.
 */
export function setParams(changes: Readonly<Record<string, string | undefined>>, push = false): void {
  const { view, params } = current.peek();
  const merged = Object.entries({ ...params, ...changes }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== '',
  );
  const next = { view, params: Object.fromEntries(merged) };
  if (formatRoute(next) === formatRoute(current.peek())) return;
  history[push ? 'pushState' : 'replaceState'](null, '', formatRoute(next));
  lastParams.set(view, next.params);
  current.value = next;
}

/** A value read from the address, and a sentence when what stood there had to be changed. */
export interface Read<T> {
  readonly value: T;
  readonly told: string | null;
}

export interface NumberRange {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly fallback: number;
  readonly whole?: boolean;
}

export function readNumber(
  params: Route['params'],
  { name, min, max, fallback, whole }: NumberRange,
): Read<number> {
  const text = params[name];
  if (text === undefined) return { value: fallback, told: null };
  const given = text.trim() === '' ? Number.NaN : Number(text);
  const shown = text.length > 24 ? `${text.slice(0, 24)}…` : text;
  if (Number.isNaN(given)) {
    return { value: fallback, told: `“${shown}” for ${name} is no number: ${fallback} is used.` };
  }
  const value = Math.min(max, Math.max(min, whole === true ? Math.round(given) : given));
  return {
    value,
    told:
      value === given
        ? null
        : `${name} is ${value}, as “${shown}” is not ${whole === true ? 'a whole number ' : ''}from ${min} to ${max}.`,
  };
}

export function readChoice<T extends string>(
  params: Route['params'],
  name: string,
  choices: readonly T[],
  fallback: T,
): Read<T> {
  const text = params[name];
  if (text === undefined) return { value: fallback, told: null };
  const value = choices.find((choice) => choice === text);
  if (value !== undefined) return { value, told: null };
  const shown = text.length > 24 ? `${text.slice(0, 24)}…` : text;
  return { value: fallback, told: `There is no ${name} “${shown}”: ${fallback} is used.` };
}
