/** The wafer as a floor plan that can be walked into: programs cycle by cycle, large models phase by phase. */
import './wafer.css';
import { useEffect, useState } from 'preact/hooks';
import { route } from '../state.js';
import { plural } from '../ui/format.js';
import { Notice } from '../ui/notice.js';
import { Controls } from './controls.js';
import { FabricView } from './fabric-view.js';
import { readState, type WaferState } from './params.js';
import { ModelView } from './placed/model-view.js';
import { type FrameReport, frames } from './play/frames.js';
import Tour from './tour/index.js';

/** What the address of the tour may say; with anything else it speaks of a program or of a large model. */
const TOUR_PARAMS = ['stop', 'prompt', 'embed', 'perf'];

const TABS = [
  { name: 'tour', title: 'One token', href: '#/wafer' },
  { name: 'fabric', title: 'Programs', href: '#/wafer?run=decode-layer' },
  { name: 'model', title: 'Large models', href: '#/wafer?model=llama-3.1-70b' },
] as const;

export default function Wafer() {
  const { params } = route.value;
  const isTour = Object.keys(params).every((name) => TOUR_PARAMS.includes(name));
  const state = readState(params);
  const kind = isTour ? 'tour' : state.shown.kind;
  return (
    <div class="wafer-page">
      <header class="intro">
        <h1>{isTour ? 'One token, from the wafer to a multiply-add' : 'Wafer'}</h1>
        <nav class="tabs" aria-label="Wafer">
          {TABS.map(({ name, title, href }) => (
            <a key={name} href={href} aria-current={name === kind ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      {isTour ? <Tour /> : <Played state={state} />}
      {state.perf && <Frames />}
    </div>
  );
}

function Played({ state }: { state: WaferState }) {
  const { shown } = state;
  return (
    <>
      <p class="muted source">{sourceOf(shown)}</p>
      {state.told.map((sentence) => (
        <Notice key={sentence}>{sentence}</Notice>
      ))}
      <Controls state={state} />
      {shown.kind === 'fabric' ? (
        <FabricView key="fabric" state={state} shown={shown} />
      ) : (
        <ModelView key="model" state={state} shown={shown} />
      )}
      <details class="keys-help small">
        <summary>Keys</summary>
        <p id="wafer-keys">
          In the picture: plus and minus zoom, arrows move, 0 fits what runs, 9 shows the whole wafer, Enter
          picks the PE in the middle; Space plays and stops, comma and point step by a cycle, brackets change
          the speed. On the slider below it: arrows step by one cycle, Home and End go to the ends.
        </p>
      </details>
    </>
  );
}

/** Where the picture comes from, so that nobody takes one for the other. */
function sourceOf(shown: WaferState['shown']): string {
  if (shown.kind === 'fabric') {
    const { program, width, height, machine } = shown.run;
    return `${program} on ${width} × ${height} PEs of ${machine}, played from the cycle-level simulation: every wavelet that you see was simulated.`;
  }
  return `${shown.model} for ${plural(shown.users, 'user')} on ${shown.machine}, played from the timing model: phases of a decode step, not single wavelets.`;
}

function Frames() {
  const [report, setReport] = useState<FrameReport | null>(null);
  useEffect(() => {
    const timer = setInterval(() => setReport(frames.report()), 500);
    return () => clearInterval(timer);
  }, []);
  if (report === null) return null;
  return (
    <p class="frames small num">
      Measured here, of {report.frames} frames: p95 {report.workP95Ms.toFixed(1)} ms of work,{' '}
      {report.intervalP95Ms.toFixed(1)} ms from frame to frame. {report.renderer}
      {!report.hasGpu && ': this machine draws without a GPU.'}
    </p>
  );
}
