/** Colours of the picture, for a light and for a dark page; hues are those of the reports (Okabe and Ito). */
import type { PeState } from '../record/activity.js';

export interface Palette {
  readonly ground: string;
  readonly wafer: string;
  readonly pe: string;
  readonly line: string;
  readonly text: string;
  readonly muted: string;
  readonly accent: string;
  readonly states: Readonly<Record<PeState, string>>;
  readonly sram: Readonly<Record<SramPart, string>>;
  /** From nothing to all, 0 to 1. */
  heat(share: number): string;
  /** Colors of the fabric, by number. */
  color(number: number): string;
}

export type SramPart = 'weights' | 'kv' | 'buffers' | 'code' | 'free';

type Rgb = readonly [number, number, number];

const mix = (a: Rgb, b: Rgb, t: number): Rgb => [
  a[0] + (b[0] - a[0]) * t,
  a[1] + (b[1] - a[1]) * t,
  a[2] + (b[2] - a[2]) * t,
];
const css = ([r, g, b]: Rgb): string => `rgb(${Math.round(r)} ${Math.round(g)} ${Math.round(b)})`;

/** Steps of a scale whose lightness changes evenly, towards the ground for little. */
function scale(stops: readonly Rgb[]): (share: number) => string {
  const table = Array.from({ length: 65 }, (_, i) => {
    const at = (i / 64) * (stops.length - 1);
    const low = Math.min(stops.length - 2, Math.floor(at));
    return css(mix(stops[low]!, stops[low + 1]!, at - low));
  });
  return (share) => table[Math.round(Math.min(1, Math.max(0, share)) * 64)]!;
}

/** Hues far apart for neighbouring numbers. */
const hue = (number: number): number => (number * 137.5 + 205) % 360;

const LIGHT: Palette = {
  ground: '#ffffff',
  wafer: '#eef0f3',
  pe: '#dde1e6',
  line: '#b9c0c8',
  text: '#1b1f24',
  muted: '#59636e',
  accent: '#005f96',
  states: {
    idle: '#dde1e6',
    'waits for its turn': '#f2ecc8',
    'waits for room': '#ecc2b2',
    'waits for a wavelet': '#f3e3c2',
    send: '#56b4e9',
    receive: '#009e73',
    relay: '#cc79a7',
    fold: '#7a5bbd',
    'local work': '#0072b2',
  },
  sram: { weights: '#0072b2', kv: '#e69f00', buffers: '#cc79a7', code: '#56b4e9', free: '#dde1e6' },
  heat: scale([
    [226, 230, 235],
    [158, 196, 222],
    [74, 142, 190],
    [16, 84, 140],
    [8, 34, 78],
  ]),
  color: (number) => `hsl(${hue(number)} 75% 38%)`,
};

const DARK: Palette = {
  ground: '#15181c',
  wafer: '#1d2126',
  pe: '#2b3138',
  line: '#4a525c',
  text: '#e6e8eb',
  muted: '#a3abb4',
  accent: '#6cbcf0',
  states: {
    idle: '#2b3138',
    'waits for its turn': '#45432f',
    'waits for room': '#5c3a2e',
    'waits for a wavelet': '#473d2c',
    send: '#56b4e9',
    receive: '#1fb98d',
    relay: '#d98fb7',
    fold: '#a78be8',
    'local work': '#3d9be0',
  },
  sram: { weights: '#3d9be0', kv: '#e69f00', buffers: '#cc79a7', code: '#7fc9f3', free: '#2b3138' },
  heat: scale([
    [38, 44, 51],
    [30, 78, 112],
    [42, 130, 178],
    [110, 190, 226],
    [236, 247, 252],
  ]),
  color: (number) => `hsl(${hue(number)} 80% 68%)`,
};

export function paletteOf(isDark: boolean): Palette {
  return isDark ? DARK : LIGHT;
}

/** One buffer's part of a memory map, by what its name says it holds. */
export function sramPartOf(buffer: string): SramPart {
  if (/cache/i.test(buffer)) return 'kv';
  if (/weight|^A$|^B$/.test(buffer)) return 'weights';
  return 'buffers';
}
