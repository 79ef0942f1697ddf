/** The model that runs in this browser: what it is, how it loads, and another one by drag and drop. */
import { useEffect, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { formatBytes } from '../../core/units.js';
import { figure, plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { engineState, loadModel } from './engine.js';

export function EnginePanel() {
  const [problem, setProblem] = useState<string | null>(null);
  const [isOver, setOver] = useState(false);
  const state = engineState.value;
  const take = (file: File | undefined): void => {
    setOver(false);
    if (file === undefined) return;
    setProblem(null);
    loadModel(file, file.name).catch((error: unknown) => setProblem(messageOf(error)));
  };
  useEffect(() => {
    const listeners = new AbortController();
    const { signal } = listeners;
    addEventListener(
      'dragover',
      (event) => {
        event.preventDefault();
        setOver(true);
      },
      { signal },
    );
    addEventListener('dragleave', () => setOver(false), { signal });
    addEventListener(
      'drop',
      (event) => {
        event.preventDefault();
        take(event.dataTransfer?.files[0]);
      },
      { signal },
    );
    return () => listeners.abort();
  }, []);
  return (
    <div class={`engine${isOver ? ' over' : ''}`}>
      <p class="small muted" role="status">
        {describe()}{' '}
        <label class="file">
          Use another GGUF file
          <input
            type="file"
            accept=".gguf"
            disabled={state.kind === 'loading'}
            onChange={({ currentTarget }) => {
              take(currentTarget.files?.[0]);
              currentTarget.value = '';
            }}
          />
        </label>{' '}
        or drop one on the page; it stays on this machine.
      </p>
      {!crossOriginIsolated && <Notice>One thread computes here: {whyAlone()}</Notice>}
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
    </div>
  );
}

/** Why this browser lets no threads share memory: what has to hold first comes first. */
function whyAlone(): string {
  if (!isSecureContext) {
    return 'browsers let threads share memory only over https or on localhost, and this page came over plain http from another machine.';
  }
  if (top !== self) return 'this page stands inside another one, which has to allow threads to share memory.';
  return 'this server does not send the headers that let threads share memory; waferflow ui sends them.';
}

function describe(): string {
  const state = engineState.value;
  if (state.kind === 'none') return 'In this browser: glint, 5.8 M weights, 6 MiB, fetched when you start.';
  if (state.kind === 'loading') {
    const { name, progress } = state;
    if (progress === null) return `Fetching ${name}…`;
    return `Loading ${name}: ${formatBytes(progress.loadedBytes)} of ${formatBytes(progress.totalBytes)}…`;
  }
  const { info } = state.loaded;
  const size =
    info.parameters >= 1e9 ? `${figure(info.parameters / 1e9)} B` : `${figure(info.parameters / 1e6)} M`;
  return `In this browser: ${info.name}, ${size} weights, ${plural(info.workers, 'worker')}, loaded in ${figure(info.loadMs)} ms.`;
}
