/** What the view shows: a program on a rectangle, or a model on wafers; how it is coloured, and what stands beside it. */
import { useEffect, useState } from 'preact/hooks';
import { CARD_NAMES } from '../../../models/card-names.js';
import { WAFERS } from '../../machine/wafers.js';
import { setParams } from '../state.js';
import { CopyLink } from '../ui/save.js';
import {
  COLOURINGS,
  type Colouring,
  EASY_SIZES,
  type FabricShown,
  MOST_ELEMENTS,
  MOST_PES,
  type ModelShown,
  PLAYED,
  paramsOf,
  type WaferState,
} from './params.js';

const COLOURING_TEXT: Readonly<Record<Colouring, string>> = {
  op: 'what PEs do',
  utilisation: 'utilisation',
  congestion: 'congestion',
  sram: 'SRAM in use',
};

/** What depends on the run and means nothing in another. */
const FORGET = { cycle: undefined, cam: undefined, pe: undefined, wavelet: undefined, speed: undefined };

function show(shown: WaferState['shown']): void {
  setParams({ ...FORGET, ...paramsOf(shown) }, true);
}

export function Controls({ state }: { state: WaferState }) {
  const { shown } = state;
  const machine = shown.kind === 'fabric' ? shown.run.machine : shown.machine;
  const showNamed = (value: string): void => {
    const [kind, name = ''] = value.split(':');
    if (kind === 'model') {
      const { users, context } = shown.kind === 'model' ? shown : { users: 1, context: 2048 };
      show({ kind: 'model', model: name, machine, users, context });
    } else {
      const size = { width: 8, height: 8, elements: 64, type: 'f32', machine } as const;
      const before = shown.kind === 'fabric' ? shown : { run: { ...size, program: name }, against: null };
      show({ ...before, kind: 'fabric', run: { ...before.run, ...EASY_SIZES[name], program: name } });
    }
  };
  return (
    <form class="choices" onSubmit={(event) => event.preventDefault()}>
      <label class="wide">
        Show
        <select
          value={shown.kind === 'fabric' ? `run:${shown.run.program}` : `model:${shown.model}`}
          onChange={({ currentTarget }) => showNamed(currentTarget.value)}
        >
          <optgroup label="Programs and a small model, cycle by cycle">
            {PLAYED.map(({ name }) => (
              <option key={name} value={`run:${name}`}>
                {name}
              </option>
            ))}
          </optgroup>
          <optgroup label="Large models, from the timing model">
            {CARD_NAMES.map((name) => (
              <option key={name} value={`model:${name}`}>
                {name}
              </option>
            ))}
          </optgroup>
        </select>
      </label>
      {shown.kind === 'fabric' ? <FabricChoices shown={shown} /> : <ModelChoices shown={shown} />}
      <label>
        Wafer
        <select
          value={machine}
          onChange={({ currentTarget: { value } }) =>
            show(
              shown.kind === 'model'
                ? { ...shown, machine: value }
                : {
                    ...shown,
                    run: { ...shown.run, machine: value },
                    against: shown.against && { ...shown.against, machine: value },
                  },
            )
          }
        >
          {WAFERS.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Colour by
        <select
          value={state.colouring}
          onChange={({ currentTarget: { value } }) =>
            setParams({ color: value === 'op' ? undefined : value })
          }
        >
          {COLOURINGS.map((name) => (
            <option key={name} value={name}>
              {COLOURING_TEXT[name]}
            </option>
          ))}
        </select>
      </label>
      <CopyLink />
    </form>
  );
}

function FabricChoices({ shown }: { shown: FabricShown }) {
  const { run, against } = shown;
  const change = (changes: Partial<FabricShown['run']>): void => {
    const next = { ...run, ...changes };
    show({ ...shown, run: next, against: against && { ...next, program: against.program } });
  };
  return (
    <>
      <NumberChoice
        label="Columns"
        value={run.width}
        most={MOST_PES}
        onChange={(width) => change({ width })}
      />
      <NumberChoice
        label="Rows"
        value={run.height}
        most={MOST_PES}
        onChange={(height) => change({ height })}
      />
      <NumberChoice
        label="Elements"
        title={PLAYED.find(({ name }) => name === run.program)?.elementsAre ?? ''}
        value={run.elements}
        most={MOST_ELEMENTS}
        onChange={(elements) => change({ elements })}
      />
      <label>
        Beside it
        <select
          value={against?.program ?? ''}
          onChange={({ currentTarget: { value } }) =>
            show({ ...shown, against: value === '' ? null : { ...run, program: value } })
          }
        >
          <option value="">nothing</option>
          {PLAYED.filter(({ name }) => name !== run.program).map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </>
  );
}

function ModelChoices({ shown }: { shown: ModelShown }) {
  return (
    <>
      <NumberChoice
        label="Users"
        value={shown.users}
        most={100_000}
        onChange={(users) => show({ ...shown, users })}
      />
      <NumberChoice
        label="Tokens each"
        value={shown.context}
        least={2}
        most={10_000_000}
        onChange={(context) => show({ ...shown, context })}
      />
    </>
  );
}

/** A whole number that takes effect when it is left or Enter is pressed, not at each digit. */
export function NumberChoice({
  label,
  title,
  value,
  least = 1,
  most,
  onChange,
}: {
  label: string;
  title?: string;
  value: number;
  least?: number;
  most: number;
  onChange(value: number): void;
}) {
  const [text, setText] = useState(String(value));
  useEffect(() => setText(String(value)), [value]);
  const commit = (): void => {
    const given = Math.min(most, Math.max(least, Math.round(Number(text))));
    if (text.trim() === '' || Number.isNaN(given)) setText(String(value));
    else {
      setText(String(given));
      if (given !== value) onChange(given);
    }
  };
  return (
    <label class="number" title={title}>
      {label}
      <input
        type="number"
        min={least}
        max={most}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
        onChange={commit}
        onKeyDown={({ key }) => {
          if (key === 'Enter') commit();
        }}
      />
    </label>
  );
}
