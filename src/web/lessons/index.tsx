/** Short lessons: a few sentences, a live figure, one knob, and a question that is answered by doing. */
import '../wafer/wafer.css';
import './lessons.css';
import { useEffect, useRef } from 'preact/hooks';
import { formatRoute, readChoice, route } from '../state.js';
import { Notice } from '../ui/notice.js';
import { LESSONS } from './lessons.js';
import { forget, solved } from './progress.js';

const linkOf = (id: string): string => formatRoute({ view: 'lessons', params: { lesson: id } });

export default function Lessons() {
  const chosen = readChoice(
    route.value.params,
    'lesson',
    LESSONS.map(({ id }) => id),
    LESSONS[0]!.id,
  );
  const number = LESSONS.findIndex(({ id }) => id === chosen.value);
  const { title, content: Content } = LESSONS[number]!;
  const next = LESSONS[number + 1];
  const count = LESSONS.filter(({ id }) => solved.value.has(id)).length;
  const heading = useRef<HTMLHeadingElement>(null);
  const last = useRef(chosen.value);
  useEffect(() => {
    if (last.current === chosen.value) return;
    last.current = chosen.value;
    scrollTo(0, 0);
    heading.current?.focus({ preventScroll: true });
  }, [chosen.value]);
  return (
    <div class="page lessons">
      <nav class="contents" aria-label="Lessons">
        <ol>
          {LESSONS.map(({ id, title }) => (
            <li key={id}>
              <a href={linkOf(id)} aria-current={id === chosen.value ? 'page' : undefined}>
                <span class="title">{title}</span>
                {solved.value.has(id) && <span class="done"> solved</span>}
              </a>
            </li>
          ))}
        </ol>
        <p class="small muted">
          {count} of {LESSONS.length} solved, kept on this device.{' '}
          {count > 0 && (
            <button type="button" class="forget" onClick={forget}>
              Start over
            </button>
          )}
        </p>
      </nav>
      <article class="lesson" key={chosen.value}>
        {chosen.told !== null && <Notice>{chosen.told}</Notice>}
        <p class="small muted">Lesson {number + 1}</p>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        <Content />
        {next !== undefined && (
          <p class="next">
            <a class="button" href={linkOf(next.id)}>
              Next: {next.title}
            </a>
          </p>
        )}
      </article>
    </div>
  );
}
