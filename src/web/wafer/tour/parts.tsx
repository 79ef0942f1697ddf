/** What stands beside the picture at a stop: tokens, cells with numbers, the sum of a column, what comes next. */
import { useState } from 'preact/hooks';
import { isDark } from '../../theme.js';
import { figure } from '../../ui/format.js';
import { paletteOf } from '../draw/palette.js';
import type { Player } from '../play/player.js';
import type { TourEnd, TourFocus, TourLook, TourToken } from './api.js';
import { exact, type StopPart, tensorName, tokenText } from './stops.js';

export interface PartProps {
  readonly look: TourLook;
  readonly end: TourEnd | null;
  readonly player: Player;
  /** The text goes on with a token, or with another one than the likeliest. */
  onGoOn(token: TourToken): void;
}

/** Products that are listed before the one under the pointer. */
const SHOWN = 8;

export function Part({ part, ...props }: PartProps & { readonly part: StopPart }) {
  const { look, end } = props;
  switch (part) {
    case 'tokens':
      return <Tokens tokens={look.tokens} />;
    case 'embedding':
      return <Vector name="in the PE that we shall look at" values={look.focus.embedding} />;
    case 'norm':
      return (
        <>
          <Vector name="before" values={look.focus.embedding} />
          <Vector name="after" values={look.focus.normed} />
        </>
      );
    case 'tile':
      return <Tile focus={look.focus} />;
    case 'row':
      return <Row {...props} />;
    case 'accumulator':
      return <Accumulator value={look.focus.accumulators[0]!} />;
    case 'column':
      return <Column {...props} />;
    case 'candidates':
      return end === null ? null : <Candidates end={end} onGoOn={props.onGoOn} />;
    default:
      return null;
  }
}

function Tokens({ tokens }: { tokens: readonly TourToken[] }) {
  return (
    <ol class="tokens" aria-label="Tokens">
      {tokens.map(({ id, text }, i) => (
        <li key={`${i} ${id}`} aria-current={i === tokens.length - 1 ? 'step' : undefined}>
          <code>{tokenText(text)}</code>
          <span class="muted num">{figure(id)}</span>
        </li>
      ))}
    </ol>
  );
}

function Vector({ name, values }: { name: string; values: readonly number[] }) {
  return (
    <p class="vector small">
      <span class="muted">{name}</span>
      <code>
        {values.slice(0, SHOWN).map(short).join('  ')}
        {values.length > SHOWN && '  …'}
      </code>
    </p>
  );
}

/** Integers are exact, floats have three digits. */
const short = (value: number): string =>
  Number.isInteger(value) ? String(value) : Number(value.toPrecision(3)).toString();

/** Every weight of the tile as a cell; the one under the pointer, or with the keys, in words. */
function Tile({ focus: { tile, rows, columns, tensor } }: { focus: TourFocus }) {
  const [at, setAt] = useState({ r: 0, c: 0 });
  const most = Math.max(1e-9, ...tile.flat().map(Math.abs));
  const wide = columns[1] - columns[0];
  const move = (event: KeyboardEvent): void => {
    const [dr, dc] = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[
      event.key
    ] ?? [0, 0];
    if (dr === 0 && dc === 0) return;
    event.preventDefault();
    // The tour’s own arrows stay out of it.
    event.stopPropagation();
    setAt({
      r: Math.min(tile.length - 1, Math.max(0, at.r + dr!)),
      c: Math.min(wide - 1, Math.max(0, at.c + dc!)),
    });
  };
  const weight = tile[at.r]?.[at.c];
  return (
    <figure class="tile">
      <div
        class="cells weights"
        role="application"
        aria-label="Weights of the tile: arrows go from cell to cell"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: cells are gone through with arrow keys
        tabIndex={0}
        onKeyDown={move}
        style={{ gridTemplateColumns: `repeat(${wide}, 1fr)` }}
      >
        {tile.flatMap((row, r) =>
          row.map((value, c) => (
            <span
              key={`${r} ${c}`}
              data-here={r === at.r && c === at.c}
              style={{ background: signed(value / most) }}
              onPointerEnter={() => setAt({ r, c })}
            />
          )),
        )}
      </div>
      <figcaption class="small num" role="status">
        {weight !== undefined &&
          `${tensorName(tensor)}[${rows[0] + at.r}, ${columns[0] + at.c}] = ${short(weight)}`}
      </figcaption>
    </figure>
  );
}

/** Blue below zero, orange above it, the more the further. */
function signed(share: number): string {
  const [low, high, none] = isDark.value
    ? ['#6cbcf0', '#e69f00', '#22272d']
    : ['#005f96', '#b26200', '#eef0f3'];
  return `color-mix(in srgb, ${share < 0 ? low : high} ${Math.round(100 * Math.abs(share))}%, ${none})`;
}

/** The row's products one after another, as far as the PE has come; any of them under the pointer. */
function Row({ look: { focus, moments }, player }: PartProps) {
  const [pointed, setPointed] = useState<number | null>(null);
  const { weights, x, weightScales, xScales } = focus.row;
  const share =
    (player.time.value - moments.multiplies) / Math.max(1, moments.multiplied - moments.multiplies);
  const done = Math.min(weights.length, Math.max(0, Math.round(share * weights.length)));
  const products = weights.map((weight, i) => weight * x[i]!);
  const sum = products.slice(0, done).reduce((total, each) => total + each, 0);
  const at = pointed ?? Math.max(0, done - 1);
  const isWhole = done === weights.length;
  return (
    <div class="row">
      <div class="cells products" style={{ gridTemplateColumns: 'repeat(8, 1fr)' }}>
        {products.map((product, i) => (
          <span key={i} data-done={i < done} data-here={i === at} onPointerEnter={() => setPointed(i)}>
            {i < done ? short(product) : ''}
          </span>
        ))}
      </div>
      <p class="num equation">
        <span class="muted">weight × x, no. {at}:</span> {short(weights[at]!)} × {short(x[at]!)} ={' '}
        {short(products[at]!)}
      </p>
      <p class="num equation">
        <span class="muted">accumulator after {done}:</span> <b>{short2(sum)}</b>
      </p>
      {weightScales.length > 0 && (
        <p class="num equation" data-shown={isWhole}>
          <span class="muted">times both scales:</span> {short2(sum)} × {exact(weightScales[0]!)} ×{' '}
          {exact(xScales[0]!)} = <b class="accumulator">{isWhole ? exact(focus.accumulators[0]!) : '…'}</b>
        </p>
      )}
    </div>
  );
}

const short2 = (value: number): string =>
  Number.isInteger(value) ? value.toLocaleString('en-US') : Number(value.toPrecision(6)).toString();

function Accumulator({ value }: { value: number }) {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value);
  return (
    <p class="num equation">
      <span class="muted">the wavelet carries</span> <b class="accumulator">{exact(value)}</b>{' '}
      <span class="muted">as 32 bits,</span> <code>0x{view.getUint32(0).toString(16).padStart(8, '0')}</code>
    </p>
  );
}

/** The partial sums of the column’s PEs, and how they become one, fold by fold. */
function Column({ look: { focus, moments }, player }: PartProps) {
  const { partials, folds, sum, at } = focus;
  const share = (player.time.value - moments.multiplied) / Math.max(1, moments.summed - moments.multiplied);
  // The second half of the time is the way back, to all PEs.
  const done = Math.min(folds.length, Math.floor(2 * share * folds.length));
  const now = [...partials];
  const gone = new Set<number>();
  for (const { into, from } of folds.slice(0, done)) {
    now[into] = Math.fround(now[into]! + now[from]!);
    gone.add(from);
  }
  const most = Math.max(1e-9, ...now.map(Math.abs), Math.abs(sum));
  const palette = paletteOf(isDark.value);
  return (
    <>
      <table class="bars column">
        <tbody>
          {now.map((value, y) => (
            <tr key={y} data-gone={gone.has(y)} data-marked={y === at.y}>
              <th scope="row">
                PE ({at.x}, {y})
              </th>
              <td class="bar" aria-hidden="true">
                <span
                  style={{
                    width: `${(100 * Math.abs(value)) / most}%`,
                    background: value < 0 ? palette.states.send : palette.sram.kv,
                  }}
                />
              </td>
              <td class="num">{gone.has(y) ? 'passed on' : exact(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="num equation">
        <span class="muted">the sum:</span> <b class="sum">{done === folds.length ? exact(sum) : '…'}</b>
      </p>
    </>
  );
}

function Candidates({ end, onGoOn }: { end: TourEnd; onGoOn(token: TourToken): void }) {
  const most = end.candidates[0]!.probability;
  return (
    <div class="candidates">
      <table class="bars">
        <tbody>
          {end.candidates.map(({ id, text, probability, logit }, i) => (
            <tr key={id} data-marked={i === 0}>
              <th scope="row">
                <code>{tokenText(text)}</code>
              </th>
              <td class="bar" aria-hidden="true">
                <span style={{ width: `${(100 * probability) / most}%` }} />
              </td>
              <td class="num">
                {figure(100 * probability)} % <span class="muted">{exact(logit)}</span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="buttons">
        <button type="button" class="button primary" onClick={() => onGoOn(end.candidates[0]!)}>
          Go on with “{tokenText(end.candidates[0]!.text)}”
        </button>
      </p>
    </div>
  );
}
