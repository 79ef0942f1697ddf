/** Play, pause, reverse, step, speed: the buttons under a picture, and the clock behind them. */
import { useEffect } from 'preact/hooks';
import { figure } from '../../ui/format.js';
import { type Player, SPEEDS } from './player.js';

/** Lets a player's time pass while it runs. */
export function useClock(player: Player): void {
  const isRunning = player.direction.value !== 0;
  useEffect(() => {
    if (!isRunning) return;
    let last = performance.now();
    let frame = requestAnimationFrame(function tick(now) {
      // A tab that was hidden goes on where it was.
      player.advance(Math.min(100, Math.max(0, now - last)));
      last = now;
      frame = requestAnimationFrame(tick);
    });
    return () => cancelAnimationFrame(frame);
  }, [player, isRunning]);
}

export function Transport({
  player,
  onSpeed,
  clockHz,
}: {
  player: Player;
  /** Remembers a chosen speed. */
  onSpeed?(speed: number): void;
  readonly clockHz: number | null;
}) {
  useClock(player);
  const { time, length, direction, speed } = player;
  const playing = direction.value;
  return (
    <div class="transport">
      <fieldset class="keys" aria-label="Play">
        <IconButton label="To the start" onClick={() => player.step(-Infinity)}>
          <path d="M3 3h2v10H3zM13 3v10L6 8z" />
        </IconButton>
        <IconButton label="One cycle back" onClick={() => player.step(-1)}>
          <path d="M11 3v10L4 8zM12 3h1v10h-1z" />
        </IconButton>
        <IconButton
          label={playing < 0 ? 'Pause' : 'Play backwards'}
          isPressed={playing < 0}
          onClick={() => (playing < 0 ? player.pause() : player.play(-1))}
        >
          {playing < 0 ? <path d="M4 3h3v10H4zM9 3h3v10H9z" /> : <path d="M12 2.5v11L3 8z" />}
        </IconButton>
        <IconButton
          label={playing > 0 ? 'Pause' : 'Play'}
          isPressed={playing > 0}
          isPrimary={true}
          onClick={() => (playing > 0 ? player.pause() : player.play(1))}
        >
          {playing > 0 ? <path d="M4 3h3v10H4zM9 3h3v10H9z" /> : <path d="M4 2.5v11L13 8z" />}
        </IconButton>
        <IconButton label="One cycle forward" onClick={() => player.step(1)}>
          <path d="M5 3v10l7-5zM3 3h1v10H3z" />
        </IconButton>
      </fieldset>
      <output class="now">
        cycle <b>{figure(Math.floor(time.value))}</b> of {figure(length.value)}
        {clockHz !== null && <span class="muted"> · {micros(time.value / clockHz)} simulated</span>}
      </output>
      <label class="speed">
        <span class="hidden">Speed</span>
        <select
          value={String(speed.value)}
          onChange={({ currentTarget }) => {
            player.speed.value = Number(currentTarget.value);
            onSpeed?.(player.speed.value);
          }}
        >
          {[...new Set<number>([...SPEEDS, speed.value])]
            .sort((a, b) => a - b)
            .map((each) => (
              <option key={each} value={String(each)}>
                {figure(each)} cycles per second
              </option>
            ))}
        </select>
      </label>
    </div>
  );
}

function micros(seconds: number): string {
  return seconds < 1e-3 ? `${figure(seconds * 1e6)} µs` : `${figure(seconds * 1e3)} ms`;
}

function IconButton({
  label,
  onClick,
  isPressed = false,
  isPrimary = false,
  children,
}: {
  label: string;
  onClick(): void;
  isPressed?: boolean;
  isPrimary?: boolean;
  children: preact.ComponentChildren;
}) {
  return (
    <button
      type="button"
      class={isPrimary ? 'icon primary' : 'icon'}
      aria-label={label}
      title={label}
      data-pressed={isPressed}
      onClick={onClick}
    >
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        {children}
      </svg>
    </button>
  );
}
