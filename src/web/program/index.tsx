/** A mesh program in an editor: it runs in a box without network, is watched cycle by cycle, and checked where it is an exercise. */
import './program.css';
import '../lessons/lessons.css';
import '../wafer/wafer.css';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { messageOf } from '../../core/errors.js';
import { Watch } from '../lessons/parts.js';
import { readChoice, route, setParams } from '../state.js';
import { recall, remember } from '../storage.js';
import { reducedMotion } from '../theme.js';
import { figure } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { CopyLink } from '../ui/save.js';
import { Select } from '../ui/slider.js';
import { Player } from '../wafer/play/player.js';
import { type Playable, playableOf } from '../wafer/record/fabric.js';
import type { Editor } from './editor.js';
import { STARTERS, type Starter } from './exercises.js';
import type { Verdict } from './run-program.js';
import { runInSandbox } from './sandbox.js';
import { packed, unpacked } from './share.js';

const names = STARTERS.map(({ name }) => name);

/** Fewest cycles of an exercise on this device. */
const bestKey = ({ name }: Starter): string => `program.${name}`;

export default function Program() {
  const { params } = route.value;
  const chosen = readChoice(params, 'exercise', names, names[0]!);
  const starter = STARTERS[names.indexOf(chosen.value)]!;
  const [code, setCode] = useState<string | null>(params.code === undefined ? starter.code : null);
  const [told, setTold] = useState<string | null>(chosen.told);
  useEffect(() => {
    if (params.code === undefined || params.code === written.current) return;
    let isGone = false;
    void unpacked(params.code).then((found) => {
      if (isGone) return;
      setCode(found ?? starter.code);
      setTold(
        found === null
          ? 'The program of this link cannot be read: the one to begin with is shown.'
          : 'This program came with the link. Read it, then run it: it runs in a box without network, apart from this page.',
      );
    });
    return () => {
      isGone = true;
    };
  }, [params.code]);
  const written = useRef<string | undefined>(undefined);
  const choose = (name: string): void => {
    const next = STARTERS[names.indexOf(name)]!;
    written.current = undefined;
    setTold(null);
    setCode(next.code);
    setParams({ exercise: name === names[0] ? undefined : name, code: undefined }, true);
  };
  const change = (text: string): void => {
    if (text === starter.code) setParams({ code: undefined });
    else
      void packed(text).then((short) => {
        written.current = short;
        setParams({ code: short });
      });
  };
  return (
    <div class="program-page">
      <header class="intro">
        <h1>Write a mesh program</h1>
        <p class="muted">
          Every PE runs a generator; colors carry wavelets between them. The same file runs with{' '}
          <code>waferflow fabric ./mine.mjs</code>.
        </p>
      </header>
      {told !== null && <Notice>{told}</Notice>}
      {code === null ? (
        <p class="muted">Reading the link…</p>
      ) : (
        <Bench key={starter.name} starter={starter} code={code} onChoose={choose} onChange={change} />
      )}
    </div>
  );
}

interface BenchProps {
  readonly starter: Starter;
  readonly code: string;
  onChoose(name: string): void;
  onChange(code: string): void;
}

function Bench({ starter, code, onChoose, onChange }: BenchProps) {
  const place = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const text = useRef(code);
  const [plain, setPlain] = useState(true);
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [isRunning, setRunning] = useState(false);
  const [best, setBest] = useState(() => Number(recall(bestKey(starter)) ?? Number.NaN));
  const latest = useRef<{ run(): void; onChange(code: string): void }>({ run: () => undefined, onChange });
  const run = async (): Promise<void> => {
    if (isRunning) return;
    setRunning(true);
    editor.current?.mark(null);
    const said = await runInSandbox({ code: text.current, task: starter.task }).catch(
      (error: unknown): Verdict => ({ problem: messageOf(error), line: null }),
    );
    setRunning(false);
    setVerdict(said);
    if ('problem' in said) {
      if (said.line !== null) editor.current?.mark({ line: said.line, message: said.problem });
    } else if (said.isRight && !(best <= said.run.result.cycles)) {
      remember(bestKey(starter), String(said.run.result.cycles));
      setBest(said.run.result.cycles);
    }
  };
  latest.current = { run: () => void run(), onChange };
  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    void import('./editor.js').then(({ openEditor }) => {
      if (isGone) return;
      setPlain(false);
      editor.current = openEditor(
        place.current!,
        text.current,
        (next) => {
          text.current = next;
          clearTimeout(timer);
          timer = setTimeout(() => latest.current.onChange(next), 400);
        },
        () => latest.current.run(),
      );
    });
    return () => {
      isGone = true;
      clearTimeout(timer);
      editor.current?.end();
    };
  }, []);
  useEffect(() => {
    if (text.current === code) return;
    text.current = code;
    editor.current?.setText(code);
  }, [code]);
  return (
    <div class="bench">
      <section class="write" aria-label="Program">
        <div class="bar">
          <Select
            label="Begin with"
            value={starter.name}
            options={STARTERS.map(({ name, title }) => ({ value: name, text: title }))}
            onChange={onChoose}
          />
          <button type="button" class="button primary" disabled={isRunning} onClick={() => void run()}>
            {isRunning ? 'Running…' : 'Run'}
          </button>
        </div>
        <p class="ask">
          <b>{starter.ask}</b>{' '}
          {best > 0 && <span class="muted num">Your best here: {figure(best)} cycles.</span>}
        </p>
        <div class="code" ref={place}>
          {plain && <pre>{code}</pre>}
        </div>
        <div class="bar below">
          <span class="small muted">
            Ctrl+Enter runs it. Tab indents; Escape, then Tab leaves the editor.
          </span>
          <CopyLink />
        </div>
        {starter.hint !== null && (
          <details class="small">
            <summary>A hint</summary>
            <p>{starter.hint}</p>
          </details>
        )}
      </section>
      <section class="seen" aria-label="Run">
        <Said verdict={verdict} task={starter.task} />
        <Picture verdict={verdict} />
      </section>
    </div>
  );
}

function Said({ verdict, task }: { verdict: Verdict | null; task: Starter['task'] }) {
  return (
    <div role="status">
      {verdict === null && (
        <p class="muted waiting">Press Run: the program is simulated cycle by cycle, and played here.</p>
      )}
      {verdict !== null && 'problem' in verdict && (
        <Notice kind="bad">
          {verdict.line !== null && <b>Line {verdict.line}: </b>}
          {verdict.problem}
        </Notice>
      )}
      {verdict !== null && 'run' in verdict && (
        <>
          {task !== null && <p class={verdict.isRight ? 'verdict right' : 'verdict'}>{verdict.said}</p>}
          <p class="num small">
            {figure(verdict.run.result.cycles)} cycles · {figure(verdict.run.result.wavelets)} wavelets ·{' '}
            {figure(verdict.run.result.hops)} hops · fullest SRAM{' '}
            {figure(verdict.run.result.sramHighWaterBytes)} B
          </p>
        </>
      )}
    </div>
  );
}

/** The run on the same picture as the built-in programs; what came out of the box is read as an event log, never run. */
function Picture({ verdict }: { verdict: Verdict | null }) {
  const player = useMemo(() => new Player(), []);
  const made = useMemo((): { playable: Playable } | { problem: string } | null => {
    if (verdict === null || 'problem' in verdict) return null;
    try {
      return { playable: playableOf(verdict.run) };
    } catch (error) {
      return { problem: messageOf(error) };
    }
  }, [verdict]);
  useEffect(() => {
    if (made !== null && 'playable' in made && !reducedMotion.peek()) player.play();
  }, [made]);
  if (made === null) return null;
  if ('problem' in made) return <Notice kind="bad">{made.problem}</Notice>;
  const { playable } = made;
  if (playable.recording.header.moves === 0) return <p class="muted">Nothing moved on the fabric.</p>;
  return (
    <Watch
      playables={[playable]}
      player={player}
      height={playable.recording.header.height * 4 < playable.recording.header.width ? 150 : 340}
    />
  );
}
