/** The shell: navigation, theme, and one view at a time. */
import { signal } from '@preact/signals';
import { type ComponentType, render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../core/errors.js';
import { linkTo, route } from './state.js';
import { THEMES, theme } from './theme.js';
import { ErrorBoundary, Failure } from './ui/error-boundary.js';
import { Notice } from './ui/notice.js';
import { VIEWS, type View } from './views.js';

const stray = signal<string | null>(null);
addEventListener('unhandledrejection', ({ reason }) => {
  stray.value = messageOf(reason);
});
addEventListener('error', ({ message }) => {
  // Browsers report this loop of layout and observers as an error; nothing is wrong then.
  if (!message.startsWith('ResizeObserver loop')) stray.value = message;
});

// A file that is dropped beside a place for it would take the page away.
for (const type of ['dragover', 'drop']) addEventListener(type, (event) => event.preventDefault());
/** Views that do something with a model's file. */
const FILE_VIEWS = ['', 'race', 'wafer', 'console'];
const lostFile = signal<{ readonly view: string; readonly name: string } | null>(null);
addEventListener('drop', ({ dataTransfer }) => {
  const { view } = route.peek();
  const name = dataTransfer?.files[0]?.name;
  lostFile.value = name === undefined || FILE_VIEWS.includes(view) ? null : { view, name };
});

function App() {
  const { view: name, params } = route.value;
  // Inside another page only the view itself is shown.
  const isEmbedded = params.embed !== undefined;
  const view = VIEWS.find((known) => known.name === name);
  const shown = view ?? VIEWS[0]!;
  const main = useRef<HTMLElement>(null);
  const before = useRef<View | null>(null);
  useEffect(() => {
    document.title = `${shown.title} · waferflow`;
    // A reader that follows a link should hear the new view, not the old link.
    if (before.current !== null) main.current?.focus({ preventScroll: true });
    before.current = shown;
  }, [shown]);
  return (
    <div class={isEmbedded ? 'embedded' : ''}>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to content
      </button>
      <header class="top">
        <a class="brand" href={linkTo('race')} aria-label="waferflow, to the first screen">
          <Mark />
          waferflow
        </a>
        <nav aria-label="Views">
          {VIEWS.map(({ name, title }) => (
            <a key={name} href={linkTo(name)} aria-current={name === shown.name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <ThemeButton />
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {stray.value !== null && (
          <div class="page tight">
            <Notice kind="bad">
              Something went wrong: {stray.value} Reload the page if it does not go on.
            </Notice>
          </div>
        )}
        {lostFile.value?.view === name && (
          <div class="page tight">
            <Notice>
              {shown.title} has no place for {lostFile.value.name}: drop it at <a href="#/race">Race</a> or{' '}
              <a href="#/console">Console</a> to run it, at <a href="#/wafer">Wafer</a> to follow a token
              through it.
            </Notice>
          </div>
        )}
        {name !== '' && view === undefined && (
          <div class="page tight">
            <Notice>
              There is no view “{name}”; this is {shown.title}.
            </Notice>
          </div>
        )}
        <ErrorBoundary key={shown.name} what={shown.title}>
          <Lazy key={shown.name} view={shown} />
        </ErrorBoundary>
      </main>
    </div>
  );
}

function Lazy({ view }: { view: View }) {
  const [found, setFound] = useState<{ component: ComponentType } | { error: string } | null>(null);
  useEffect(() => {
    let isGone = false;
    view.load().then(
      (component) => isGone || setFound({ component }),
      (error: unknown) => isGone || setFound({ error: messageOf(error) }),
    );
    return () => {
      isGone = true;
    };
  }, [view]);
  if (found === null) return <p class="page muted">Loading {view.title}…</p>;
  if ('component' in found) return <found.component />;
  // Browsers remember that a module could not be fetched, so only a new page can fetch it.
  const retry = (): void => {
    fetch(location.href, { method: 'HEAD', cache: 'no-store' }).then(
      () => location.reload(),
      () => setFound({ error: 'no answer yet' }),
    );
  };
  const error = `A part of the page could not be fetched. Is the server still there? (${found.error})`;
  return <Failure what={view.title} error={error} retry={retry} />;
}

function ThemeButton() {
  const next = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  return (
    <button
      type="button"
      class="theme"
      aria-label={`Theme: ${theme.value}. Change to ${next}`}
      onClick={() => {
        theme.value = next;
      }}
    >
      Theme: {theme.value}
    </button>
  );
}

/** Nine PEs, one of them at work. */
function Mark() {
  const cells = [0, 1, 2].flatMap((y) => [0, 1, 2].map((x) => ({ x, y })));
  return (
    <svg class="mark" viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
      {cells.map(({ x, y }) => (
        <rect
          key={`${x},${y}`}
          x={1 + 5 * x}
          y={1 + 5 * y}
          width="4"
          height="4"
          opacity={x === 1 && y === 1 ? 1 : 0.4}
        />
      ))}
    </svg>
  );
}

const root = document.getElementById('app')!;
root.replaceChildren();
render(<App />, root);
