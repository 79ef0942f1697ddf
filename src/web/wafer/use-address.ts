/** Keeps the address of the page up with clock and camera, once they rest: browsers limit how often it may change. */
import { effect, type Signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { setParams } from '../state.js';
import type { Player } from './player.js';

const REST_MS = 300;

export function useAddress<T>(player: Player, camera: Signal<T>, format: (camera: T) => string | null): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isFirst = true;
    const stop = effect(() => {
      const time = player.time.value;
      const isStill = player.direction.value === 0 && player.length.value > 0;
      const at = camera.value;
      if (isFirst) {
        isFirst = false;
        return;
      }
      clearTimeout(timer);
      timer = setTimeout(() => {
        setParams({
          ...(isStill && { cycle: String(Math.floor(time)) }),
          cam: format(at) ?? undefined,
        });
      }, REST_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [player, camera]);
}
