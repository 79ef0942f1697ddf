/** The camera, the address and the player of the wafer view: pure, so they are tested without a page. */
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  between,
  type Camera,
  fitTo,
  formatCamera,
  MAX_SCALE,
  parseCamera,
  toScreen,
  toWafer,
  zoomAt,
} from '../../src/web/wafer/draw/camera.js';
import { Player } from '../../src/web/wafer/play/player.js';
import { Intervals } from '../../src/web/wafer/record/intervals.js';

const WAFER = { x: 0, y: 0, width: 755, height: 1170 };
const VIEW = { width: 900, height: 600 };

describe('the camera', () => {
  it('shows all of what it is fitted to', () => {
    const camera = fitTo(WAFER, VIEW);
    for (const [x, y] of [
      [0, 0],
      [755, 1170],
    ] as const) {
      const at = toScreen(camera, VIEW, x, y);
      expect(at.x).toBeGreaterThanOrEqual(0);
      expect(at.x).toBeLessThanOrEqual(VIEW.width);
      expect(at.y).toBeGreaterThanOrEqual(0);
      expect(at.y).toBeLessThanOrEqual(VIEW.height);
    }
  });

  it('keeps what lies under the pointer there, from the whole wafer to inside a PE', () => {
    const pixel = { x: 480, y: 330 };
    let camera = fitTo(WAFER, VIEW);
    const under = toWafer(camera, VIEW, pixel.x, pixel.y);
    for (let i = 0; i < 60; i++) camera = zoomAt(camera, VIEW, pixel, 1.25, WAFER);
    expect(camera.scale).toBe(MAX_SCALE);
    const now = toWafer(camera, VIEW, pixel.x, pixel.y);
    expect(now.x).toBeCloseTo(under.x, 6);
    expect(now.y).toBeCloseTo(under.y, 6);
  });

  it('moves evenly from one place to another', () => {
    const [from, to]: [Camera, Camera] = [fitTo(WAFER, VIEW), { x: 100.5, y: 90.5, scale: 300 }];
    expect(between(from, to, 0)).toEqual(from);
    const end = between(from, to, 1);
    expect(end.x).toBeCloseTo(to.x, 9);
    expect(end.scale).toBeCloseTo(to.scale, 9);
    let before = from.scale;
    for (let t = 0.1; t <= 1; t += 0.1) {
      const { scale } = between(from, to, t);
      expect(scale).toBeGreaterThan(before);
      before = scale;
    }
  });

  it('survives a link, and refuses what is no camera', () => {
    const camera = { x: 377.25, y: 583.5, scale: 123.456 };
    expect(parseCamera(formatCamera(camera))).toEqual(camera);
    for (const text of ['', '1,2', '1,2,3,4', '1,2,x', '1,2,-3', '1,2,Infinity', 'NaN,1,1']) {
      expect(parseCamera(text), text).toBeNull();
    }
  });
});

describe('intervals', () => {
  it('that hold at a cycle are those that a search through all of them finds', () => {
    const all = Array.from({ length: 400 }, (_, i) => ({
      start: (i * 37) % 911,
      length: 1 + ((i * i) % 300),
    })).sort((a, b) => a.start - b.start);
    const intervals = new Intervals(
      Uint32Array.from(all, ({ start }) => start),
      Uint32Array.from(all, ({ start, length }) => start + length),
    );
    for (let cycle = -1; cycle < 1300; cycle += 7) {
      const wanted = all.flatMap(({ start, length }, i) =>
        start <= cycle && cycle < start + length ? [i] : [],
      );
      expect(intervals.at(cycle), `cycle ${cycle}`).toEqual(wanted);
    }
  });
});

describe('the player', () => {
  const player = new Player();
  beforeAll(() => {
    player.length.value = 100;
    player.speed.value = 10;
  });

  it('runs at its speed, forwards and backwards, and stops at the ends', () => {
    player.play();
    player.advance(1000);
    expect(player.time.value).toBeCloseTo(10, 9);
    player.play(-1);
    player.advance(500);
    expect(player.time.value).toBeCloseTo(5, 9);
    player.advance(60_000);
    expect(player.time.value).toBe(0);
    expect(player.direction.value).toBe(0);
  });

  it('steps from cycle to cycle and stops on a whole one', () => {
    player.play();
    player.advance(333);
    player.pause();
    expect(player.time.value).toBe(3);
    player.step(1);
    player.step(1);
    player.step(-1);
    expect(player.time.value).toBe(4);
    player.step(-1000);
    expect(player.time.value).toBe(0);
  });
});

describe('the address', () => {
  // The state of the page reads its address when it loads.
  vi.stubGlobal('location', { hash: '', href: 'http://localhost/' });
  vi.stubGlobal('addEventListener', () => undefined);

  it('may say anything: every value ends in something to show, and a sentence where it was changed', async () => {
    const { readState, paramsOf } = await import('../../src/web/wafer/params.js');
    const strange = readState({
      run: 'nope',
      pes: '900x900',
      n: '1e99',
      machine: 'h100',
      cycle: '-4',
      cam: 'a,b,c',
      pe: 'here',
      color: 'mauve',
      speed: 'fast',
    });
    expect(strange.told).toHaveLength(9);
    for (const sentence of strange.told) expect(sentence).toMatch(/^.{20,}\.$/);
    expect(strange.shown).toMatchObject({ kind: 'fabric', run: { width: 64, height: 64, elements: 512 } });
    expect(readState({ model: 'gpt-9' }).told).toHaveLength(1);

    const usual = readState({ run: 'gemv', pes: '16x8', n: '32', vs: 'gemv-chain', machine: 'desk' });
    expect(usual.told).toEqual([]);
    const again = Object.entries(paramsOf(usual.shown)).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    );
    expect(readState(Object.fromEntries(again)).shown).toEqual(usual.shown);
  });
});
