/** The lessons in their order. */
import type { ComponentType } from 'preact';
import { FleetLesson } from './fleet.js';
import { GemvLesson } from './gemv.js';
import { GpuLesson } from './gpu.js';
import { KvLesson } from './kv.js';
import { LayerLesson } from './layer.js';
import { PeLesson } from './pe.js';
import { PrefillLesson } from './prefill.js';
import { ReduceLesson } from './reduce.js';
import { RoutingLesson } from './routing.js';

export interface Lesson {
  readonly id: string;
  readonly title: string;
  readonly content: ComponentType;
}

export const LESSONS: readonly Lesson[] = [
  { id: 'gpu', title: 'Why GPUs wait for memory', content: GpuLesson },
  { id: 'prefill', title: 'Reading is not writing', content: PrefillLesson },
  { id: 'pe', title: 'A processing element', content: PeLesson },
  { id: 'routing', title: 'Routing and colors', content: RoutingLesson },
  { id: 'gemv', title: 'A matrix-vector product on the mesh', content: GemvLesson },
  { id: 'reduce', title: 'Adding up: chain, tree, two phases', content: ReduceLesson },
  { id: 'layer', title: 'The ten all-reduces of a layer', content: LayerLesson },
  { id: 'kv', title: 'The KV cache on a wafer', content: KvLesson },
  { id: 'fleet', title: 'From one user to a fleet', content: FleetLesson },
];
