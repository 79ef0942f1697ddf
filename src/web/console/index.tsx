/** A plain chat, with a server or with the engine in this browser, and what there is to measure of it. */
import './console.css';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { EnginePanel } from '../engine/panel.js';
import { apiKey, serves } from '../serves.js';
import { readChoice, readNumber, route, setParams } from '../state.js';
import { duration, figure } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { Select, Slider } from '../ui/slider.js';
import { browserSource } from './browser-source.js';
import { Conversation } from './conversation.js';
import { ServerSource } from './server-source.js';

/** It stays while other views are looked at. */
const conversation = new Conversation();

const temperatures = [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2];

export default function Console() {
  const { params } = route.value;
  const from = readChoice(
    params,
    'from',
    ['server', 'browser'] as const,
    serves.value === false ? 'browser' : 'server',
  );
  const maxTokens = readNumber(params, { name: 'max', min: 1, max: 4096, fallback: 256, whole: true });
  const temperature = readNumber(params, { name: 'temperature', min: 0, max: 2, fallback: 0.6 });
  const seed = readNumber(params, { name: 'seed', min: 0, max: 2 ** 31, fallback: 0, whole: true });
  const settings = {
    maxTokens: maxTokens.value,
    temperature: temperature.value,
    seed: params.seed === undefined ? null : seed.value,
  };
  const server = useServer(from.value === 'server' && serves.value !== null, params.server);
  if (serves.value === null) return <p class="page muted">Looking for a server…</p>;
  return (
    <div class="page console">
      <div class="intro">
        <h1>Console</h1>
        <Told sentences={[from.told, maxTokens.told, temperature.told, seed.told, server.told]} />
        {server.source?.problem.value && (
          <Notice kind="bad">
            {server.source.problem.value}{' '}
            <button type="button" class="button" onClick={server.again}>
              Try again
            </button>
          </Notice>
        )}
        {from.value === 'browser' && <EnginePanel />}
      </div>
      <section aria-label="Conversation">
        <Log />
        <Composer
          isReady={server.source === null || server.source.state.value === 'open'}
          send={(text) => void conversation.send(text, server.source ?? browserSource, settings)}
        />
      </section>
      <aside aria-label="Figures and settings">
        <FiguresList source={server.source} />
        <Select
          label="Answers come from"
          value={from.value}
          options={[
            { value: 'server', text: 'a server' },
            { value: 'browser', text: 'this browser' },
          ]}
          onChange={(value) => setParams({ from: value })}
        />
        {from.value === 'server' && (
          <>
            <Field
              label="Server"
              type="text"
              value={server.url}
              onChange={(value) => setParams({ server: value })}
            />
            <Field
              label="API key, if it wants one"
              type="password"
              value={server.key}
              onChange={server.setKey}
            />
          </>
        )}
        <Slider
          label="Answers of at most"
          value={maxTokens.value}
          steps={[16, 32, 64, 128, 256, 512, 1024, 2048, 4096]}
          show={(value) => `${figure(value)} tokens`}
          onChange={(value) => setParams({ max: String(value) })}
        />
        <div class="select">
          <label for="temperature">Temperature</label>
          <select
            id="temperature"
            value={String(temperature.value)}
            onChange={({ currentTarget }) => setParams({ temperature: currentTarget.value })}
          >
            {[...new Set([...temperatures, temperature.value])]
              .sort((a, b) => a - b)
              .map((value) => (
                <option key={value} value={String(value)}>
                  {value}
                </option>
              ))}
          </select>
        </div>
        <Field
          label="Seed (empty: another every time)"
          type="text"
          value={params.seed ?? ''}
          onChange={(value) => setParams({ seed: value })}
        />
      </aside>
    </div>
  );
}

interface Server {
  readonly source: ServerSource | null;
  readonly url: string;
  readonly key: string;
  readonly told: string | null;
  setKey(key: string): void;
  again(): void;
}

/** The connection to the server that the address names, or to that of this page. */
function useServer(isWanted: boolean, given: string | undefined): Server {
  const key = apiKey.value;
  const [attempt, setAttempt] = useState(0);
  const fallback = serves.value === true ? location.origin : 'http://127.0.0.1:8080';
  const url =
    given !== undefined && URL.canParse(given) && /^https?:/.test(given) ? new URL(given).origin : fallback;
  const source = useMemo(
    () => (isWanted ? new ServerSource(url, key === '' ? null : key) : null),
    [isWanted, url, key, attempt],
  );
  useEffect(() => {
    void source?.open();
    return () => source?.close();
  }, [source]);
  return {
    source,
    url,
    key,
    told:
      given === undefined || url === new URL(given, url).origin
        ? null
        : `“${given.slice(0, 60)}” is no address of a server: ${url} is used.`,
    setKey(next) {
      apiKey.value = next;
    },
    again: () => setAttempt(attempt + 1),
  };
}

function Log() {
  const turns = conversation.turns.value;
  const end = useRef<HTMLDivElement>(null);
  const length = turns.at(-1)?.text.length ?? 0;
  const problem = conversation.problem.value;
  useEffect(() => {
    if (turns.length > 0 || problem !== null) end.current?.scrollIntoView({ block: 'nearest' });
  }, [turns.length, length, problem]);
  return (
    <div class="log" role="log" aria-busy={conversation.isRunning}>
      {turns.length === 0 && (
        <p class="muted">
          Nothing said yet. The embedded model, glint, goes on with TypeScript and does not chat; a server may
          have another one.
        </p>
      )}
      {turns.map(({ id, role, text, note }) => (
        <article key={id} class={`turn ${role}`}>
          <p class="who">
            {role === 'user' ? 'You' : 'Model'}
            {note !== null && `, ${note}`}
          </p>
          <p class="words">{text}</p>
        </article>
      ))}
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      <div ref={end} class="end" />
    </div>
  );
}

function Composer({ isReady, send }: { isReady: boolean; send: (text: string) => void }) {
  const [text, setText] = useState('');
  const { isRunning } = conversation;
  const submit = (): void => {
    if (text.trim() === '') return;
    if (isRunning) void conversation.steer(text);
    else if (isReady) send(text);
    else return;
    setText('');
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label for="message">{isRunning ? 'Steer the answer' : 'Message'}</label>
      <textarea
        id="message"
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') conversation.cancel();
          if (event.key !== 'Enter' || event.shiftKey) return;
          event.preventDefault();
          submit();
        }}
      />
      <div class="actions">
        <button type="submit" class="button primary" disabled={!isRunning && !isReady}>
          {isRunning ? 'Steer' : 'Send'}
        </button>
        <button type="button" class="button" disabled={!isRunning} onClick={() => conversation.cancel()}>
          Cancel
        </button>
        <button type="button" class="button" disabled={isRunning} onClick={() => conversation.clear()}>
          New conversation
        </button>
      </div>
      <p class="small muted">Enter sends, Shift+Enter starts a line, Escape cancels.</p>
    </form>
  );
}

const connection = { connecting: 'connecting…', open: 'connected', closed: 'not connected' } as const;

function FiguresList({ source }: { source: ServerSource | null }) {
  const { ttftMs, tokens, tokensPerSecond, queue } = conversation.figures.value;
  const limits = conversation.limits.value;
  const left = (what: 'requests' | 'tokens'): string | null => {
    const remaining = limits[`x-ratelimit-remaining-${what}`];
    if (remaining === undefined) return null;
    const limit = limits[`x-ratelimit-limit-${what}`];
    return `${figure(Number(remaining))}${limit === undefined ? '' : ` of ${figure(Number(limit))}`}`;
  };
  const rows: readonly (readonly [string, string | null])[] = [
    ['first token', ttftMs === null ? '–' : duration(ttftMs)],
    ['tokens/s', tokensPerSecond === null ? '–' : figure(tokensPerSecond)],
    ['tokens', tokens === 0 ? '–' : figure(tokens)],
    ['in front in the queue', queue === null ? '–' : figure(queue)],
    ['requests left', left('requests')],
    ['tokens left', left('tokens')],
  ];
  return (
    <div>
      {source !== null && (
        <p class="small" role="status">
          <span class={`dot ${source.state.value}`} aria-hidden="true" />
          {connection[source.state.value]}
        </p>
      )}
      <dl aria-label="Measured here">
        {rows.map(
          ([name, value]) =>
            value !== null && (
              <div key={name} style={{ display: 'contents' }}>
                <dt>{name}</dt>
                <dd>{value}</dd>
              </div>
            ),
        )}
      </dl>
      <p class="small muted">measured here</p>
    </div>
  );
}

interface FieldProps {
  readonly label: string;
  readonly type: 'text' | 'password';
  readonly value: string;
  readonly onChange: (value: string) => void;
}

function Field({ label, type, value, onChange }: FieldProps) {
  return (
    <label class="field">
      {label}
      <input
        type={type}
        value={value}
        autocomplete="off"
        onChange={({ currentTarget }) => onChange(currentTarget.value)}
      />
    </label>
  );
}
