/** What was said, as markdown once the library for it is there; code gets a button that copies it. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

type Render = (text: string) => string;

let loading: Promise<Render> | null = null;
let render: Render | null = null;

/** No HTML of a model is ever run: what markdown makes of its text is cleaned of all that could. */
async function load(): Promise<Render> {
  const [{ Marked }, { default: purify }] = await Promise.all([import('marked'), import('dompurify')]);
  const marked = new Marked({ gfm: true, breaks: true, async: false });
  // Pictures and forms would let a text call other servers.
  const forbidden = {
    USE_PROFILES: { html: true },
    FORBID_TAGS: ['img', 'style', 'form', 'input', 'video', 'audio', 'source'],
  };
  purify.addHook('afterSanitizeAttributes', (node) => {
    if (node.nodeName !== 'A') return;
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer');
  });
  return (text) => purify.sanitize(marked.parse(text) as string, forbidden);
}

function useMarkdown(): Render | null {
  const [known, setKnown] = useState(() => render);
  useLayoutEffect(() => {
    if (known !== null) return;
    let isGone = false;
    loading ??= load();
    // Without the library the text stands there as it is.
    loading.then(
      (ready) => {
        render = ready;
        if (!isGone) setKnown(() => ready);
      },
      () => undefined,
    );
    return () => {
      isGone = true;
    };
  }, []);
  return known;
}

export function Words({ text, isPlain }: { text: string; isPlain: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const markdown = useMarkdown();
  const html = isPlain || markdown === null ? null : markdown(text);
  useLayoutEffect(() => {
    for (const block of box.current?.querySelectorAll('pre') ?? []) {
      const button = document.createElement('button');
      button.className = 'copy';
      button.type = 'button';
      button.textContent = 'Copy';
      const code = block.textContent;
      button.addEventListener('click', () => {
        navigator.clipboard.writeText(code).then(
          () => {
            button.textContent = 'Copied';
          },
          () => {
            button.textContent = 'Not copied';
          },
        );
      });
      block.append(button);
      // It scrolls sideways, so a keyboard has to reach it.
      block.tabIndex = 0;
    }
  }, [html]);
  if (html === null) return <p class="words">{text}</p>;
  return <div ref={box} class="words markdown" dangerouslySetInnerHTML={{ __html: html }} />;
}
