/** Light, dark, or what the system says. */
import { computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { recall, remember } from './storage.js';

export const THEMES = ['auto', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

export const theme = signal<Theme>(THEMES.find((name) => name === recall('theme')) ?? 'auto');

const systemQuery = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemQuery.matches);
systemQuery.addEventListener('change', ({ matches }) => {
  systemIsDark.value = matches;
});

/** For what CSS cannot reach: canvases and charts redraw when it changes. */
export const isDark: ReadonlySignal<boolean> = computed(() =>
  theme.value === 'auto' ? systemIsDark.value : theme.value === 'dark',
);

const motionQuery = matchMedia('(prefers-reduced-motion: reduce)');
const motion = signal(motionQuery.matches);
motionQuery.addEventListener('change', ({ matches }) => {
  motion.value = matches;
});

/** Whether things should appear in their places rather than move there. */
export const reducedMotion: ReadonlySignal<boolean> = motion;

effect(() => {
  const { documentElement: root } = document;
  if (theme.value === 'auto') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
  remember('theme', theme.value === 'auto' ? null : theme.value);
});
