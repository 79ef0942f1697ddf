/** A plain chat, with a server or with the engine in this browser, and what there is to measure of it. */
import './console.css';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { engineState } from '../engine/engine.js';
import { EnginePanel } from '../engine/panel.js';
import { machineLabel } from '../plan/ask/machines.js';
import { apiKey, serves } from '../serves.js';
import { readChoice, readNumber, route, setParams } from '../state.js';
import { duration, figure, plural } from '../ui/format.js';
import { Notice, Told } from '../ui/notice.js';
import { Select, Slider } from '../ui/slider.js';
import { browserSource } from './browser-source.js';
import { Conversation } from './conversation.js';
import { forgetChat, history, titleOf } from './history.js';
import { ServerSource } from './server-source.js';
import type { Answerer, Settings, Turn } from './source.js';
import { Words } from './words.js';

/** It stays while other views are looked at. */
const conversation = new Conversation();

const temperatures = [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2].map(String);
const shares = [0.5, 0.8, 0.9, 0.95, 1].map(String);
const penalties = [0, 0.1, 0.3, 0.5, 1].map(String);

/** A choice of a number, or the model's own. */
function readOwn(
  params: Readonly<Partial<Record<string, string>>>,
  range: { readonly name: string; readonly min: number; readonly max: number },
): { readonly value: number | null; readonly told: string | null } {
  if (params[range.name] === undefined) return { value: null, told: null };
  return readNumber(params, { ...range, fallback: range.min });
}

export default function Console() {
  const { params } = route.value;
  const from = readChoice(
    params,
    'from',
    ['server', 'browser'] as const,
    serves.value === false ? 'browser' : 'server',
  );
  const maxTokens = readNumber(params, { name: 'max', min: 1, max: 4096, fallback: 256, whole: true });
  const temperature = readOwn(params, { name: 'temperature', min: 0, max: 2 });
  const topP = readOwn(params, { name: 'topp', min: 0.01, max: 1 });
  const penalty = readOwn(params, { name: 'penalty', min: 0, max: 2 });
  const seed = readNumber(params, { name: 'seed', min: 0, max: 2 ** 31, fallback: 0, whole: true });
  const settings: Settings = {
    maxTokens: maxTokens.value,
    temperature: temperature.value,
    topP: topP.value,
    frequencyPenalty: penalty.value,
    seed: params.seed === undefined ? null : seed.value,
    system: params.system ?? '',
  };
  const server = useServer(from.value === 'server' && serves.value !== null, params.server);
  const answerer = useAnswerer(server.source);
  const [draft, setDraft] = useState('');
  if (serves.value === null) return <p class="page muted">Looking for a server…</p>;
  const source = server.source ?? browserSource;
  const isChat = answerer?.isChat ?? true;
  return (
    <div class="page console">
      <div class="intro">
        <h1>{isChat ? 'Chat' : 'Complete'}</h1>
        <p class="model">
          {answerer === null ? 'Model not known yet' : <strong>{answerer.name}</strong>}
          {answerer !== null && (isChat ? ', a chat model' : ', a base model: it goes on with a text')}
          {server.source === null ? ', in this browser' : `, on ${server.url}`}
        </p>
        <Told
          sentences={[
            from.told,
            maxTokens.told,
            temperature.told,
            topP.told,
            penalty.told,
            seed.told,
            server.told,
          ]}
        />
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
        <Log
          isChat={isChat}
          again={() => void conversation.again(source, settings)}
          edit={(id) => setDraft(conversation.takeBack(id))}
        />
        <Composer
          isChat={isChat}
          draft={draft}
          setDraft={setDraft}
          isReady={server.source === null || server.source.state.value === 'open'}
          send={(text) => void conversation.send(text, source, settings)}
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
        {isChat && (
          <label class="field">
            System prompt
            <textarea
              rows={3}
              value={settings.system}
              onChange={({ currentTarget }) => setParams({ system: currentTarget.value })}
            />
          </label>
        )}
        <details>
          <summary>Sampling</summary>
          <Own label="Temperature" name="temperature" value={params.temperature} choices={temperatures} />
          <Own label="Top p" name="topp" value={params.topp} choices={shares} />
          <Own label="Frequency penalty" name="penalty" value={params.penalty} choices={penalties} />
          <Field
            label="Seed (empty: another every time)"
            type="text"
            value={params.seed ?? ''}
            onChange={(value) => setParams({ seed: value })}
          />
        </details>
        <History />
      </aside>
    </div>
  );
}

interface OwnProps {
  readonly label: string;
  readonly name: string;
  readonly value: string | undefined;
  readonly choices: readonly string[];
}

/** A number of the sampling, or what the model's maker recommends. */
function Own({ label, name, value, choices }: OwnProps) {
  const all = value === undefined ? choices : [...new Set([...choices, value])];
  return (
    <Select
      label={label}
      value={value ?? ''}
      options={[
        { value: '', text: 'as the model recommends' },
        ...all.map((choice) => ({ value: choice, text: choice })),
      ]}
      onChange={(chosen) => setParams({ [name]: chosen })}
    />
  );
}

/** Who answers: the model in this browser, or the one that a server says it has. */
function useAnswerer(source: ServerSource | null): Answerer | null {
  const [served, setServed] = useState<Answerer | null>(null);
  const link = source?.state.value;
  useEffect(() => {
    let isGone = false;
    setServed(null);
    if (link === 'open') void source?.answerer().then((answerer) => isGone || setServed(answerer));
    return () => {
      isGone = true;
    };
  }, [source, link]);
  if (source !== null) return served;
  const engine = engineState.value;
  if (engine.kind === 'none') return { name: 'glint', isChat: false };
  if (engine.kind === 'loading') return null;
  return { name: engine.loaded.info.name, isChat: engine.loaded.hasChatTemplate };
}

function History() {
  const chats = history.value;
  if (chats.length === 0) return null;
  return (
    <details class="history">
      <summary>{plural(chats.length, 'earlier conversation')}</summary>
      <ul>
        {chats.map((chat) => (
          <li key={chat.id}>
            <button
              type="button"
              class="link"
              disabled={conversation.isRunning}
              onClick={() => conversation.open(chat)}
            >
              {titleOf(chat)}
            </button>
            <button
              type="button"
              class="link quiet"
              aria-label={`Forget ${titleOf(chat)}`}
              onClick={() => forgetChat(chat.id)}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      <p class="small muted">Kept in this browser alone.</p>
    </details>
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

interface LogProps {
  readonly isChat: boolean;
  readonly again: () => void;
  readonly edit: (id: number) => void;
}

function Log({ isChat, again, edit }: LogProps) {
  const turns = conversation.turns.value;
  const end = useRef<HTMLDivElement>(null);
  const newest = turns.at(-1);
  const length = newest?.text.length ?? 0;
  const problem = conversation.problem.value;
  const { isRunning } = conversation;
  useEffect(() => {
    if (turns.length > 0 || problem !== null) end.current?.scrollIntoView({ block: 'nearest' });
  }, [turns.length, length, newest?.took, problem]);
  const last = turns.findLastIndex(({ role }) => role === 'assistant');
  return (
    <div class={`log ${isChat ? 'chat' : 'completion'}`} role="log" aria-busy={isRunning}>
      {turns.length === 0 && (
        <p class="muted">
          {isChat
            ? 'Nothing said yet.'
            : 'A base model does not answer: it goes on with what you write. glint knows TypeScript, so begin a function.'}
        </p>
      )}
      {turns.map((one, index) => (
        <article key={one.id} class={`turn ${one.role}`}>
          <p class="who">
            {one.role === 'user' ? 'You' : 'Model'}
            {one.note !== null && `, ${one.note}`}
          </p>
          <Words text={one.text} isPlain={!isChat || one.role === 'user'} />
          {one.role === 'assistant' && <TookLine turn={one} />}
          {!isRunning && (
            <p class="doing">
              {one.role === 'user' ? (
                <button type="button" class="link quiet" onClick={() => edit(one.id)}>
                  Edit
                </button>
              ) : (
                <CopyLine text={one.text} />
              )}
              {index === last && (
                <button type="button" class="link quiet" onClick={again}>
                  Regenerate
                </button>
              )}
            </p>
          )}
        </article>
      ))}
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      <div ref={end} class="end" />
    </div>
  );
}

function CopyLine({ text }: { text: string }) {
  const [said, setSaid] = useState('Copy');
  const copy = (): void => {
    navigator.clipboard.writeText(text).then(
      () => setSaid('Copied'),
      () => setSaid('Not copied'),
    );
  };
  return (
    <button type="button" class="link quiet" onClick={copy}>
      <span aria-live="polite">{said}</span>
    </button>
  );
}

/** What an answer took here, measured, and would have taken elsewhere, simulated. */
function TookLine({ turn: { took, simulated } }: { turn: Turn }) {
  if (took === null) return null;
  const elsewhere = simulated.map(({ machine, ttftMs, tokensPerSecond }) => {
    const ms = ttftMs + (1000 * Math.max(0, took.tokens - 1)) / tokensPerSecond;
    return `${machineLabel(machine)} ${duration(ms)} (${figure(tokensPerSecond)} tokens/s)`;
  });
  return (
    <p class="took small muted num">
      Here: {plural(took.tokens, 'token')}
      {took.tokensPerSecond !== null && ` at ${figure(took.tokensPerSecond)} tokens/s`}, the first after{' '}
      {duration(took.ttftMs)}.{elsewhere.length > 0 && ` The same model, simulated: ${elsewhere.join(', ')}.`}
    </p>
  );
}

interface ComposerProps {
  readonly isReady: boolean;
  readonly isChat: boolean;
  readonly draft: string;
  readonly setDraft: (text: string) => void;
  readonly send: (text: string) => void;
}

function Composer({ isReady, isChat, draft, setDraft, send }: ComposerProps) {
  const { isRunning } = conversation;
  const submit = (): void => {
    if (draft.trim() === '') return;
    if (isRunning) void conversation.steer(draft);
    else if (isReady) send(draft);
    else return;
    setDraft('');
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label for="message">
        {isRunning ? 'Steer the answer' : isChat ? 'Message' : 'Text to go on with'}
      </label>
      <textarea
        id="message"
        class={isChat ? '' : 'mono'}
        value={draft}
        placeholder={isChat ? '' : 'export function add('}
        onInput={({ currentTarget }) => setDraft(currentTarget.value)}
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
