/** One token from the whole wafer to a multiply-add and back: twelve stops, every number of them from the simulated run. */
import './tour.css';
import { type Signal, signal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import glint from '../../../../models/glint/glint-q8_0.gguf?url';
import { messageOf } from '../../../core/errors.js';
import { findWafer } from '../../../machine/wafers.js';
import { readChoice, route, setParams } from '../../state.js';
import { reducedMotion } from '../../theme.js';
import { Notice } from '../../ui/notice.js';
import type { Camera, Extent } from '../draw/camera.js';
import { FabricPicture } from '../draw/draw-fabric.js';
import { PictureView } from '../draw/picture-view.js';
import { Player } from '../play/player.js';
import { useClock } from '../play/transport.js';
import { type Playable, playableOf } from '../record/fabric.js';
import type { TourEnd, TourLook } from './api.js';
import { Part } from './parts.js';
import { StepBar } from './step-bar.js';
import { STOPS, type Stop } from './stops.js';
import { TourThread } from './thread.js';

/** The comparison needs the planner and its cards, so it comes when its stop does. */
function LaterVersus() {
  const [found, setFound] = useState<{ readonly component: ComponentType } | null>(null);
  useEffect(() => {
    let isGone = false;
    void import('./versus.js').then(({ default: component }) => isGone || setFound({ component }));
    return () => {
      isGone = true;
    };
  }, []);
  return found && <found.component />;
}

const PROMPT = 'function isEmpty(';

interface Taken {
  readonly look: TourLook;
  readonly playable: Playable;
  readonly picture: FabricPicture;
}

/** What is known of the present prompt. */
interface Run {
  readonly taken: Taken | null;
  readonly end: TourEnd | null;
  readonly progress: { readonly done: number; readonly of: number } | null;
  readonly problem: string | null;
}

const NOTHING: Run = { taken: null, end: null, progress: null, problem: null };

function useTour(model: string | File, prompt: string): Run {
  const [run, setRun] = useState<Run>(NOTHING);
  const thread = useRef<TourThread | null>(null);
  const loaded = useRef<string | File | null>(null);
  useEffect(
    () => () => {
      thread.current?.end();
      thread.current = null;
      loaded.current = null;
    },
    [],
  );
  useEffect(() => {
    let isGone = false;
    const set = (change: Partial<Run>): void => {
      if (!isGone) setRun((before) => ({ ...before, ...change }));
    };
    const work = async (): Promise<void> => {
      thread.current ??= new TourThread();
      const { current } = thread;
      set({ problem: null, end: null, progress: null });
      if (loaded.current !== model) {
        const answered = await current.load(
          typeof model === 'string' ? new URL(model, location.href).href : model,
        );
        if ('problem' in answered) return set({ problem: answered.problem });
        loaded.current = model;
      }
      if (isGone) return;
      const looked = await current.look(prompt);
      if (isGone) return;
      if ('problem' in looked) return set({ problem: looked.problem });
      const look = looked.value;
      const { usableColumns, usableRows } = findWafer('wse-3').facts;
      const playable = playableOf(look.run);
      const wafer = { width: usableColumns.value, height: usableRows.value };
      set({ taken: { look, playable, picture: new FabricPicture(playable, wafer, look.texture) } });
      const finished = await current.finish((done, of) => set({ progress: { done, of } }));
      if ('problem' in finished) set({ problem: finished.problem });
      else if (finished.value !== null) set({ end: finished.value, progress: null });
    };
    work().catch((error: unknown) => set({ problem: messageOf(error) }));
    return () => {
      isGone = true;
    };
  }, [model, prompt]);
  return run;
}

export default function Tour() {
  const { params } = route.value;
  const prompt = params.prompt ?? PROMPT;
  const [file, setFile] = useState<File | null>(null);
  const { taken, end, progress, problem } = useTour(file ?? glint, prompt);
  return (
    <div class="tour">
      <PromptForm prompt={prompt} model={taken?.look.model.name ?? 'glint'} onFile={setFile} />
      {problem !== null && <Notice kind="bad">{problem}</Notice>}
      {taken === null ? (
        problem === null && <p class="muted tour-wait">Laying the model out on the wafer…</p>
      ) : (
        <Stage taken={taken} end={end} progress={progress} prompt={prompt} />
      )}
    </div>
  );
}

function PromptForm({ prompt, model, onFile }: { prompt: string; model: string; onFile(file: File): void }) {
  const [text, setText] = useState(prompt);
  useEffect(() => setText(prompt), [prompt]);
  const take = (file: File | undefined): void => {
    if (file !== undefined) onFile(file);
  };
  useEffect(() => {
    const drop = (event: DragEvent): void => take(event.dataTransfer?.files[0]);
    addEventListener('drop', drop);
    return () => removeEventListener('drop', drop);
  }, []);
  return (
    <form
      class="tour-prompt"
      onSubmit={(event) => {
        event.preventDefault();
        if (text !== '') setParams({ prompt: text === PROMPT ? undefined : text, stop: undefined }, true);
      }}
    >
      <label>
        <span class="label">A text for {model} to go on with</span>
        <input
          type="text"
          value={text}
          maxLength={200}
          spellcheck={false}
          onInput={({ currentTarget }) => setText(currentTarget.value)}
        />
      </label>
      <button type="submit" class="button">
        Follow its next token
      </button>
      <label class="file small">
        Use another small GGUF file
        <input
          type="file"
          accept=".gguf"
          onChange={({ currentTarget }) => {
            take(currentTarget.files?.[0]);
            currentTarget.value = '';
          }}
        />
      </label>
    </form>
  );
}

interface StageProps {
  readonly taken: Taken;
  readonly end: TourEnd | null;
  readonly progress: Run['progress'];
  readonly prompt: string;
}

const names = STOPS.map(({ name }) => name);

function Stage({ taken: { look, playable, picture }, end, progress, prompt }: StageProps) {
  const { value: name, told } = readChoice(route.value.params, 'stop', names, names[0]!);
  const number = names.indexOf(name);
  const stop = STOPS[number]!;
  const player = useMemo(() => new Player(), []);
  const camera: Signal<Camera | null> = useMemo(() => signal(null), []);
  const goal = useMemo(() => signal<Extent | null>(null), []);
  useClock(player);
  const go = (to: number): void => {
    if (to >= 0 && to < STOPS.length) setParams({ stop: to === 0 ? undefined : names[to] }, true);
  };
  const placed = (extent: Extent | null): Extent =>
    extent === null
      ? picture.world
      : { ...extent, x: extent.x + picture.rect.x, y: extent.y + picture.rect.y };
  const replay = (): void => play(player, stop, look);
  useEffect(() => {
    player.length.value = playable.recording.cycles;
    goal.value = placed(stop.place(look));
    play(player, stop, look);
  }, [name, look]);
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
      if (event.target instanceof Element && event.target.closest('input, textarea, select, .pane') !== null)
        return;
      if (event.key === 'ArrowRight') go(number + 1);
      else if (event.key === 'ArrowLeft') go(number - 1);
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, [number]);
  const [from, to] = stop.cycles(look);
  const wavelet = useMemo(() => sentWavelet(look, playable), [look, playable]);
  const shows = { ramp: wavelet, sum: wavelet }[stop.name] ?? null;
  const isPe = stop.part === 'tile' || stop.part === 'row' || stop.part === 'accumulator';
  return (
    <div class="tour-stage">
      <div class="pictures">
        <PictureView
          draw={(surface, time) =>
            picture.draw(surface, time, {
              colouring: 'op',
              picked: isPe ? look.focus.at : null,
              wavelet: shows,
              spots: stop.spots?.(look) ?? [],
            })
          }
          world={picture.world}
          home={placed(stop.place(look))}
          camera={camera}
          goal={goal}
          player={player}
          onPick={() => undefined}
          hint={(x, y) => picture.hintAt(x, y, player.time.peek())}
          label={`${stop.title}: the wafer, ${look.model.width} by ${look.model.height} PEs in use`}
          describedBy="tour-text"
        />
        <p class="small num now">
          cycle {Math.floor(player.time.value).toLocaleString('en-US')}
          {from !== to && (
            <>
              {' '}
              of this step’s {from.toLocaleString('en-US')} to {to.toLocaleString('en-US')}{' '}
              <button type="button" class="link" onClick={replay}>
                Again
              </button>
            </>
          )}
        </p>
      </div>
      <section class="tour-card" aria-label={`Stop ${number + 1} of ${STOPS.length}`}>
        {told !== null && <Notice>{told}</Notice>}
        <p class="small muted num">
          {number + 1} of {STOPS.length}
        </p>
        <h2>{stop.title}</h2>
        <p id="tour-text" role="status">
          {stop.text(look, end)}
        </p>
        <Part
          part={stop.part}
          look={look}
          end={end}
          player={player}
          onGoOn={({ text }) => setParams({ prompt: prompt + text, stop: undefined }, true)}
        />
        {stop.part === 'whole' && end !== null && <StepBar end={end} layers={look.model.layers} />}
        {stop.part === 'whole' && <LaterVersus />}
        {end === null && progress !== null && number >= 9 && (
          <p class="small">
            <progress max={progress.of} value={progress.done} aria-label="Tokens simulated" /> token{' '}
            {progress.done + 1} of {progress.of} is being simulated, cycle by cycle
          </p>
        )}
        <div class="tour-go">
          <ol class="dots" aria-label="Stops">
            {STOPS.map(({ name: each, title }, i) => (
              <li key={each}>
                <button
                  type="button"
                  aria-label={`Stop ${i + 1}: ${title}`}
                  title={title}
                  aria-current={i === number ? 'step' : undefined}
                  onClick={() => go(i)}
                />
              </li>
            ))}
          </ol>
          <button type="button" class="button" disabled={number === 0} onClick={() => go(number - 1)}>
            Back
          </button>
          <button
            type="button"
            class="button primary"
            disabled={number === STOPS.length - 1}
            onClick={() => go(number + 1)}
          >
            Next
          </button>
        </div>
      </section>
    </div>
  );
}

/** Plays the cycles of a stop once; those who want less motion see how they end. */
function play(player: Player, stop: Stop, look: TourLook): void {
  const [from, to] = stop.cycles(look);
  player.pause();
  player.until = to;
  if (from === to || reducedMotion.peek()) {
    player.seek(to);
    return;
  }
  player.seek(from);
  player.speed.value = (to - from) / stop.seconds;
  player.play();
}

/** The wavelet that carries the shown accumulator away, or null where the PE sends none. */
function sentWavelet({ focus, moments }: TourLook, { recording }: Playable): number | null {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, focus.accumulators[0]!);
  const word = view.getUint32(0);
  const pe = recording.peAt(focus.at);
  for (let move = recording.movesAt(moments.multiplied).first; move < recording.header.moves; move++) {
    const way = recording.way(move);
    if (way.kind === 'put' && way.pe === pe && recording.moves[move * 5 + 3] === word)
      return recording.moves[move * 5 + 4]!;
  }
  return null;
}
