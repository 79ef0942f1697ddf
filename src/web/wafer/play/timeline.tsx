/** The run as a strip: how busy it was over time, marks to jump to, and a slider over all of it to seek with. */
import { effect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { isDark } from '../../theme.js';
import { type Palette, paletteOf } from '../draw/palette.js';
import type { Player } from './player.js';

export interface Mark {
  readonly label: string;
  readonly startCycle: number;
  readonly endCycle: number;
}

export interface TimelineProps {
  readonly player: Player;
  readonly marks: readonly Mark[];
  /** Draws what happened into a strip of `width` by `height` pixels; all of `player.length` fits in it. */
  draw(context: CanvasRenderingContext2D, width: number, height: number, palette: Palette): void;
  /** The moment in words, for the slider. */
  textAt(time: number): string;
  readonly label: string;
}

const MARKS_HEIGHT = 9;

export function Timeline(props: TimelineProps) {
  const { player, textAt, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const paint = useRef<() => void>(() => undefined);
  useEffect(() => {
    const target = canvas.current!;
    const context = target.getContext('2d')!;
    const strip = document.createElement('canvas');
    let drawn: unknown[] = [];
    const draw = (): void => {
      const { clientWidth: width, clientHeight: height } = target;
      if (width === 0) return;
      const { player, marks, draw: drawStrip } = latest.current;
      const dpr = Math.min(2, devicePixelRatio);
      const palette = paletteOf(isDark.peek());
      const length = Math.max(1, player.length.peek());
      const key = [width, height, dpr, palette, drawStrip, length, marks];
      if (key.some((value, i) => value !== drawn[i])) {
        drawn = key;
        target.width = strip.width = Math.round(width * dpr);
        target.height = strip.height = Math.round(height * dpr);
        const still = strip.getContext('2d')!;
        still.setTransform(dpr, 0, 0, dpr, 0, 0);
        still.fillStyle = palette.wafer;
        still.fillRect(0, 0, width, height);
        still.save();
        still.translate(0, MARKS_HEIGHT);
        drawStrip(still, width, height - MARKS_HEIGHT, palette);
        still.restore();
        still.fillStyle = palette.text;
        for (const { startCycle } of marks) {
          const x = (startCycle / length) * width;
          still.beginPath();
          still.moveTo(x - 4, 0);
          still.lineTo(x + 4, 0);
          still.lineTo(x, MARKS_HEIGHT - 1);
          still.fill();
        }
      }
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.drawImage(strip, 0, 0);
      context.setTransform(dpr, 0, 0, dpr, 0, 0);
      const x = Math.min(width - 1, (player.time.peek() / length) * width);
      context.fillStyle = palette.text;
      context.fillRect(x - 1, 0, 2, height);
    };
    paint.current = draw;
    const observer = new ResizeObserver(draw);
    observer.observe(target);
    const stop = effect(() => {
      void [latest.current.player.time.value, latest.current.player.length.value, isDark.value];
      draw();
    });
    return () => {
      observer.disconnect();
      stop();
    };
  }, []);
  useEffect(() => paint.current());
  return (
    <div class="timeline">
      <canvas ref={canvas} />
      <input
        type="range"
        min={0}
        max={player.length.value}
        step={1}
        value={Math.floor(player.time.value)}
        aria-label={label}
        aria-valuetext={textAt(player.time.value)}
        onPointerMove={({ currentTarget, offsetX }) => {
          const { length } = player;
          const cycle = (offsetX / Math.max(1, currentTarget.clientWidth)) * length.peek();
          currentTarget.title = nameAt(props, cycle, (6 / currentTarget.clientWidth) * length.peek());
        }}
        onInput={({ currentTarget }) => {
          player.pause();
          player.seek(Number(currentTarget.value));
        }}
      />
    </div>
  );
}

/** The mark near a moment, or the moment in words. */
function nameAt({ marks, textAt }: TimelineProps, cycle: number, reach: number): string {
  const mark = marks.find(({ startCycle }) => Math.abs(startCycle - cycle) <= reach);
  return mark === undefined ? textAt(cycle) : `${mark.label}, from ${textAt(mark.startCycle)}`;
}
