/** Keeps the address of the page up with clock and camera, once they rest: browsers limit how often it may change. */
import { effect, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { setParams } from '../state.js';
import { type Camera, formatCamera } from './camera.js';
import type { Player } from './player.js';

const REST_MS = 300;

/** `shown` is the cycle that the address said when the view opened. */
export function useAddress(player: Player, camera: Signal<Camera | null>, shown: number | null): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cameraText = (): string => {
      const at = camera.peek();
      return at === null ? '' : formatCamera(at);
    };
    let written = { cycle: String(shown ?? 0), cam: cameraText() };
    const write = (): void => {
      const isStill = player.direction.peek() === 0 && player.length.peek() > 0;
      const cycle = isStill ? String(Math.floor(player.time.peek())) : written.cycle;
      const next = { cycle, cam: cameraText() };
      // Nothing is written that nobody changed: what was told about the address stays told.
      if (next.cycle === written.cycle && next.cam === written.cam) return;
      setParams({ ...(next.cycle !== written.cycle && { cycle }), cam: next.cam });
      written = next;
    };
    const stop = effect(() => {
      void [player.time.value, player.direction.value, camera.value];
      clearTimeout(timer);
      timer = setTimeout(write, REST_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [player, camera]);
}
