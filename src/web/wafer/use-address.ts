/** Keeps the address of the page up with clock and camera, once they rest: browsers limit how often it may change. */
import { effect, type Signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { setParams } from '../state.js';
import { type Camera, formatCamera } from './draw/camera.js';
import type { Player } from './play/player.js';

const REST_MS = 300;

/** What an address says of clock and camera. */
interface Said {
  readonly cycle: number | null;
  readonly camera: Camera | null;
}

const textOf = (camera: Camera | null): string => (camera === null ? '' : formatCamera(camera));

/**
 * Writes clock and camera into the address, and follows an address that someone else has changed. While `isStale`, the
 * address speaks of a run that is not there yet: nothing of the one shown is written into it.
 */
export function useAddress(
  player: Player,
  camera: Signal<Camera | null>,
  said: Said,
  isStale: boolean,
): void {
  const silent = useRef(isStale);
  silent.current = isStale;
  const written = useRef({ cycle: String(said.cycle ?? 0), cam: textOf(said.camera) });
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const write = (): void => {
      if (silent.current) return;
      const before = written.current;
      const isStill = player.direction.peek() === 0 && player.length.peek() > 0;
      const cycle = isStill ? String(Math.floor(player.time.peek())) : before.cycle;
      const next = { cycle, cam: textOf(camera.peek()) };
      // Nothing is written that nobody changed: what was told about the address stays told.
      if (next.cycle === before.cycle && next.cam === before.cam) return;
      written.current = next;
      setParams({ ...(next.cycle !== before.cycle && { cycle }), cam: next.cam });
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

  // A link to another moment of the same run, or the back button.
  useEffect(() => {
    const { cycle } = said;
    if (isStale || cycle === null || String(Math.floor(cycle)) === written.current.cycle) return;
    written.current = { ...written.current, cycle: String(Math.floor(cycle)) };
    if (player.length.peek() === 0) return;
    player.pause();
    player.seek(cycle);
  }, [said.cycle]);
  const cam = textOf(said.camera);
  useEffect(() => {
    if (isStale || cam === '' || cam === written.current.cam) return;
    written.current = { ...written.current, cam };
    camera.value = said.camera;
  }, [cam]);
}
