/** The machine as a small picture: a square wafer whose regions light up, or a GPU whose memory streams past its cores. */
import { useLayoutEffect, useRef } from 'preact/hooks';
import { isDark } from '../theme.js';

const size = 72;
/** A wafer is 12 by 7 dies: they are cut from a round one, and lit in the order in which a token passes them. */
const columns = 12;
const rows = 7;

interface DieProps {
  readonly kind: 'wafer' | 'gpu';
  readonly elapsedMs: number | null;
  readonly msPerToken: number;
  readonly isWriting: boolean;
}

export function Die({ kind, elapsedMs, msPerToken, isWriting }: DieProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = isDark.value;
  useLayoutEffect(() => {
    const context = canvas.current?.getContext('2d') ?? null;
    if (context === null) return;
    const scale = canvas.current!.width / size;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, size, size);
    const [idle, lit] = dark ? ['#2b3238', '#6cbcf0'] : ['#dfe4e9', '#005f96'];
    const at = isWriting && elapsedMs !== null ? (elapsedMs / msPerToken) % 1 : null;
    if (kind === 'wafer') drawWafer(context, idle, lit, at);
    else drawGpu(context, idle, lit, at);
  });
  return <canvas ref={canvas} class="die" width={2 * size} height={2 * size} />;
}

function drawWafer(context: CanvasRenderingContext2D, idle: string, lit: string, at: number | null): void {
  const [width, height] = [size / columns, size / rows];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      context.fillStyle = idle;
      context.fillRect(column * width + 0.5, row * height + 0.5, width - 1, height - 1);
      if (at === null) continue;
      // Where the token is now shines most; behind it the light fades.
      const behind = (at - (row + column / columns) / rows + 1) % 1;
      context.globalAlpha = 0.25 + 0.75 * Math.exp(-6 * behind);
      context.fillStyle = lit;
      context.fillRect(column * width + 0.5, row * height + 0.5, width - 1, height - 1);
      context.globalAlpha = 1;
    }
  }
}

function drawGpu(context: CanvasRenderingContext2D, idle: string, lit: string, at: number | null): void {
  const core = { x: size * 0.32, y: size * 0.2, width: size * 0.36, height: size * 0.6 };
  context.fillStyle = idle;
  context.fillRect(core.x, core.y, core.width, core.height);
  for (const [side, x] of [size * 0.08, size * 0.76].entries()) {
    for (let stack = 0; stack < 3; stack++) {
      const y = core.y + (stack * core.height) / 3 + 1;
      context.fillStyle = idle;
      context.fillRect(x, y, size * 0.16, core.height / 3 - 2);
      if (at === null) continue;
      // What of the weights has crossed for this token.
      context.fillStyle = lit;
      const crossed = size * 0.16 * at;
      context.fillRect(side === 0 ? x : x + size * 0.16 - crossed, y, crossed, core.height / 3 - 2);
    }
  }
  if (at === null) return;
  context.globalAlpha = 0.2 + 0.5 * at;
  context.fillStyle = lit;
  context.fillRect(core.x, core.y, core.width, core.height);
  context.globalAlpha = 1;
}
