/** What this browser, or the server of this page, really writes: measured, with a small model, apart from the race. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { engineState } from '../engine/engine.js';
import { EnginePanel } from '../engine/panel.js';
import { serves } from '../serves.js';
import { readChoice, readNumber, route, setParams } from '../state.js';
import { duration, figure, plural } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { Select } from '../ui/slider.js';
import { browserWriter, serverWriter, type Writing, type Written } from './writer.js';

const beginning = `/**
 * Returns the first element of an array.
 *
 * @param array The array to read from.
 * @returns The first element, or \`undefined\` if the array is empty.
 */
export function first<T>(array: readonly T[]): T | undefined {
`;

type State = 'ready' | 'loading' | 'writing';

export function Measured() {
  const { params } = route.value;
  const tokens = readNumber(params, { name: 'tokens', min: 16, max: 400, fallback: 128, whole: true });
  const by = readChoice(params, 'by', ['browser', 'server'] as const, 'browser');
  const writer = by.value === 'server' && serves.value === true ? serverWriter : browserWriter;
  const prompt = params.prompt ?? beginning;
  const [state, setState] = useState<State>('ready');
  const [text, setText] = useState('');
  const [written, setWritten] = useState<Written | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const writing = useRef<Writing | null>(null);
  useEffect(() => () => writing.current?.cancel(), []);
  const start = async (): Promise<void> => {
    setProblem(null);
    setText('');
    setWritten(null);
    setState('loading');
    try {
      await writer.prepare();
      setState('writing');
      let all = '';
      writing.current = writer.write(prompt, tokens.value, (piece) => {
        all += piece;
        setText(all);
      });
      setWritten(await writing.current.end);
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      writing.current = null;
      setState('ready');
    }
  };
  const engine = engineState.value;
  const info = writer === browserWriter && engine.kind === 'ready' ? engine.loaded.info : null;
  return (
    <section class="measured" aria-label={writer.title}>
      <h2>{writer.title} really runs a model</h2>
      <p class="muted">
        A small one that goes on with TypeScript, and nothing of it is simulated. It has 20,000 times fewer
        weights than a model of 70 B, so its speed cannot stand beside the lanes above.
      </p>
      <Told sentences={[tokens.told, by.told]} />
      {writer === browserWriter && <EnginePanel />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (state === 'writing') writing.current?.cancel();
          else if (state === 'ready') void start();
        }}
      >
        <label for="prompt">The beginning of some TypeScript</label>
        <textarea
          id="prompt"
          class="mono"
          rows={6}
          spellcheck={false}
          value={prompt}
          onInput={({ currentTarget }) => setParams({ prompt: currentTarget.value })}
        />
        <div class="go">
          <button type="submit" class="button" disabled={state === 'loading'}>
            {state === 'writing'
              ? 'Stop'
              : state === 'loading'
                ? 'Loading…'
                : written === null
                  ? 'Write here'
                  : 'Write again'}
          </button>
          {serves.value === true && (
            <Select
              label="Who really writes"
              value={by.value}
              options={[
                { value: 'browser', text: 'this browser' },
                { value: 'server', text: 'the server of this page' },
              ]}
              onChange={(value) => setParams({ by: value === 'browser' ? undefined : value })}
            />
          )}
          <p class="num" role="status">
            {written !== null && (
              <>
                <strong>{figure(written.tokensPerSecond)}</strong> tokens/s,{' '}
                <span class="origin">measured here</span>: {plural(written.tokens, 'token')}, the first after{' '}
                {duration(written.ttftMs)}
                {info !== null && `, ${plural(info.workers, 'worker')}`}
                {written.helped !== '' && ` (${written.helped})`}
              </>
            )}
          </p>
        </div>
      </form>
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      <textarea
        class="text mono"
        readOnly
        rows={6}
        aria-label={`What ${writer.title} has written`}
        value={text}
      />
    </section>
  );
}
