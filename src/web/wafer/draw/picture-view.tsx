/** A canvas with a camera: wheel, pinch, drag, keys and buttons move it; nothing is drawn unless something changed. */
import { effect, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { isDark, reducedMotion } from '../../theme.js';
import { frames } from '../play/frames.js';
import { nextSpeed, type Player } from '../play/player.js';
import {
  between,
  type Camera,
  type Extent,
  fitTo,
  keepInside,
  pan,
  toWafer,
  type Viewport,
  zoomAt,
} from './camera.js';
import { paletteOf } from './palette.js';
import type { Surface } from './picture.js';

export interface PictureProps {
  draw(surface: Surface, time: number): void;
  readonly world: Extent;
  /** What is seen when the view opens. */
  readonly home: Extent;
  /** Null: at home. Pictures that share it move together. */
  readonly camera: Signal<Camera | null>;
  /** Where the camera flies to when it changes, in a longer flight than a zoom; null: nowhere. */
  readonly goal?: Signal<Extent | null>;
  /** Its time is drawn; Space, comma, point and brackets work it. */
  readonly player: Player;
  /** A click on a point of the wafer; `reach` is what counts as near, in PEs. */
  onPick(x: number, y: number, reach: number): void;
  /** What lies under the pointer, in a few words; empty for nothing. */
  hint?(x: number, y: number): string;
  /** What the picture shows, in words. */
  readonly label: string;
  readonly describedBy: string;
}

const ZOOM_STEP = 1.5;
const PAN_STEP = 80;
const FLY_MS = 350;
/** From one stop of a tour to the next. */
const TOUR_MS = 1400;
/** A press that moves less is a click. */
const CLICK_PIXELS = 5;

export function PictureView(props: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const redraw = useRef<() => void>(() => undefined);

  useEffect(() => {
    const hands = new Hands(canvas.current!, latest);
    redraw.current = () => hands.request();
    return () => hands.stop();
  }, []);
  // Whatever else the parent hands in may have changed the picture.
  useEffect(() => redraw.current());

  const act = (how: 'in' | 'out' | 'home' | 'all') => (): void => {
    canvas.current?.dispatchEvent(new CustomEvent('camera', { detail: how }));
  };
  return (
    <div class="picture">
      <div class="pane" role="application" aria-label={props.label} aria-describedby={props.describedBy}>
        <canvas ref={canvas} />
      </div>
      <fieldset class="zoom" aria-label="Zoom">
        <button type="button" aria-label="Zoom in" onClick={act('in')}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={act('out')}>
          −
        </button>
        <button type="button" aria-label="Fit to what runs" title="Fit to what runs" onClick={act('home')}>
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="M1 5V1h4M11 1h4v4M15 11v4h-4M5 15H1v-4" fill="none" stroke="currentColor" />
            <path d="M5 5h6v6H5z" />
          </svg>
        </button>
        <button type="button" aria-label="Whole wafer" title="Whole wafer" onClick={act('all')}>
          <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d="M2.5 2.5h11v11h-11z" fill="none" stroke="currentColor" />
            <path d="M7 7h2v2H7z" />
          </svg>
        </button>
      </fieldset>
    </div>
  );
}

/** What a person does to a canvas, and the frames that follow from it. */
class Hands {
  private readonly canvas: HTMLCanvasElement;
  private readonly latest: { readonly current: PictureProps };
  private readonly context: CanvasRenderingContext2D;
  private readonly abort = new AbortController();
  private readonly observer: ResizeObserver;
  private readonly pointers = new Map<number, { x: number; y: number }>();
  private readonly unsubscribe: () => void;
  private readonly unguide: () => void;
  private viewport: Viewport = { width: 1, height: 1 };
  private frame = 0;
  private flight = 0;
  private moved = 0;

  constructor(canvas: HTMLCanvasElement, latest: { readonly current: PictureProps }) {
    this.canvas = canvas;
    this.latest = latest;
    this.context = canvas.getContext('2d', { alpha: false })!;
    const on = <K extends keyof HTMLElementEventMap>(
      name: K,
      handle: (event: HTMLElementEventMap[K]) => void,
      passive = true,
    ): void => canvas.addEventListener(name, handle, { signal: this.abort.signal, passive });
    on('wheel', (event) => this.wheel(event), false);
    on('pointerdown', (event) => this.down(event));
    on('pointermove', (event) => this.move(event));
    on('pointerup', (event) => this.up(event));
    on('pointercancel', (event) => this.pointers.delete(event.pointerId));
    on('dblclick', (event) => this.zoom(ZOOM_STEP ** 2, this.pixel(event)));
    // Keys go to what has the focus: the pane around the canvas.
    const pane = canvas.parentElement!;
    pane.tabIndex = 0;
    pane.addEventListener('keydown', (event) => this.key(event), { signal: this.abort.signal });
    canvas.addEventListener(
      'camera',
      (event) => this.button((event as CustomEvent<'in' | 'out' | 'home' | 'all'>).detail),
      { signal: this.abort.signal },
    );
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(canvas);
    this.resize();
    this.unsubscribe = effect(() => {
      // Read, so that a change of any of them asks for a frame.
      void [this.latest.current.camera.value, this.latest.current.player.time.value, isDark.value];
      this.request();
    });
    this.unguide = effect(() => {
      const goal = this.latest.current.goal?.value ?? null;
      if (goal !== null) this.fly(fitTo(goal, this.viewport), TOUR_MS);
    });
  }

  stop(): void {
    this.abort.abort();
    this.observer.disconnect();
    this.unsubscribe();
    this.unguide();
    cancelAnimationFrame(this.frame);
    cancelAnimationFrame(this.flight);
  }

  request(): void {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame((now) => {
      this.frame = 0;
      this.draw(now);
    });
  }

  private draw(now: number): void {
    const start = performance.now();
    const { context, viewport } = this;
    const dpr = this.canvas.width / viewport.width;
    context.setTransform(dpr, 0, 0, dpr, 0, 0);
    const { draw, player } = this.latest.current;
    draw({ context, viewport, camera: this.camera, palette: paletteOf(isDark.peek()) }, player.time.peek());
    frames.frame(now, now + performance.now() - start);
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === 0 || clientHeight === 0) return;
    this.viewport = { width: clientWidth, height: clientHeight };
    const dpr = Math.min(2, devicePixelRatio);
    this.canvas.width = Math.round(clientWidth * dpr);
    this.canvas.height = Math.round(clientHeight * dpr);
    this.draw(performance.now());
  }

  private get camera(): Camera {
    const { camera, home } = this.latest.current;
    return camera.peek() ?? fitTo(home, this.viewport);
  }

  private set camera(camera: Camera) {
    this.latest.current.camera.value = camera;
  }

  private pixel({ clientX, clientY }: MouseEvent): { x: number; y: number } {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  private get middle(): { x: number; y: number } {
    return { x: this.viewport.width / 2, y: this.viewport.height / 2 };
  }

  private zoom(factor: number, pixel = this.middle, isSmooth = true): void {
    const { world } = this.latest.current;
    const target = zoomAt(this.camera, this.viewport, pixel, factor, world);
    if (isSmooth) this.fly(target);
    else this.land(target);
  }

  private land(camera: Camera): void {
    cancelAnimationFrame(this.flight);
    this.camera = camera;
  }

  /** Goes to a camera; at once where motion is unwanted. */
  private fly(target: Camera, ms = FLY_MS): void {
    cancelAnimationFrame(this.flight);
    if (reducedMotion.peek()) {
      this.camera = target;
      return;
    }
    const from = this.camera;
    const start = performance.now();
    const go = (now: number): void => {
      const t = Math.min(1, Math.max(0, (now - start) / ms));
      this.camera = t === 1 ? target : between(from, target, t);
      if (t < 1) this.flight = requestAnimationFrame(go);
    };
    this.flight = requestAnimationFrame(go);
  }

  /** Zooms in a picture that was clicked into, or with Ctrl; otherwise the page scrolls, as it does anywhere else. */
  private wheel(event: WheelEvent): void {
    if (!event.ctrlKey && this.canvas.parentElement !== document.activeElement) return;
    event.preventDefault();
    const unit = event.deltaMode === 1 ? 16 : 1;
    // A pinch on a touchpad comes as a wheel with Ctrl, in smaller steps.
    const factor = Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016));
    this.zoom(factor, this.pixel(event), false);
  }

  private down(event: PointerEvent): void {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.pixel(event));
    this.moved = this.pointers.size > 1 ? CLICK_PIXELS : 0;
  }

  private move(event: PointerEvent): void {
    const before = this.pointers.get(event.pointerId);
    if (before === undefined) {
      this.hint(this.pixel(event));
      return;
    }
    const now = this.pixel(event);
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    this.moved += Math.abs(dx) + Math.abs(dy);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    const { world } = this.latest.current;
    if (other === undefined) {
      if (this.moved >= CLICK_PIXELS) this.land(pan(this.camera, dx, dy, world));
      return;
    }
    const middleOf = (p: { x: number; y: number }) => ({ x: (p.x + other.x) / 2, y: (p.y + other.y) / 2 });
    const [from, to] = [middleOf(before), middleOf(now)];
    const factor =
      Math.hypot(now.x - other.x, now.y - other.y) /
      Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
    const panned = pan(this.camera, to.x - from.x, to.y - from.y, world);
    this.land(zoomAt(panned, this.viewport, to, factor, world));
  }

  private hint({ x, y }: { x: number; y: number }): void {
    const at = toWafer(this.camera, this.viewport, x, y);
    this.canvas.title = this.latest.current.hint?.(at.x, at.y) ?? '';
  }

  private up(event: PointerEvent): void {
    if (!this.pointers.delete(event.pointerId) || this.moved >= CLICK_PIXELS) return;
    const { x, y } = this.pixel(event);
    this.pick(x, y);
  }

  private pick(x: number, y: number): void {
    const at = toWafer(this.camera, this.viewport, x, y);
    this.latest.current.onPick(at.x, at.y, 9 / this.camera.scale);
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { world, player } = this.latest.current;
    const by = (dx: number, dy: number): void => this.fly(pan(this.camera, dx, dy, world));
    switch (event.key) {
      case '+':
      case '=':
        this.zoom(ZOOM_STEP);
        break;
      case '-':
        this.zoom(1 / ZOOM_STEP);
        break;
      case '0':
        this.button('home');
        break;
      case '9':
        this.button('all');
        break;
      case 'ArrowLeft':
        by(PAN_STEP, 0);
        break;
      case 'ArrowRight':
        by(-PAN_STEP, 0);
        break;
      case 'ArrowUp':
        by(0, PAN_STEP);
        break;
      case 'ArrowDown':
        by(0, -PAN_STEP);
        break;
      case ' ':
        player.toggle();
        break;
      case ',':
        player.step(-1);
        break;
      case '.':
        player.step(1);
        break;
      case '[':
        player.speed.value = nextSpeed(player.speed.peek(), -1);
        break;
      case ']':
        player.speed.value = nextSpeed(player.speed.peek(), 1);
        break;
      case 'Enter':
        this.pick(this.middle.x, this.middle.y);
        break;
      default:
        return;
    }
    event.preventDefault();
  }

  private button(how: 'in' | 'out' | 'home' | 'all'): void {
    const { world, home } = this.latest.current;
    if (how === 'in') this.zoom(ZOOM_STEP);
    else if (how === 'out') this.zoom(1 / ZOOM_STEP);
    else this.fly(keepInside(fitTo(how === 'all' ? world : home, this.viewport), world));
  }
}
