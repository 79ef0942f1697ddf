/** Programs to begin with, and the exercises among them: what a program has to compute, and in how many cycles. */
import allreduce from './starters/allreduce.js?raw';
import deadlock from './starters/deadlock.js?raw';
import reduce from './starters/reduce.js?raw';
import sram from './starters/sram.js?raw';
import stencil from './starters/stencil.js?raw';
import twoPes from './starters/two-pes.js?raw';
import type { TaskName } from './task.js';

export interface Starter {
  readonly name: string;
  readonly title: string;
  readonly code: string;
  /** Null: nothing is checked. */
  readonly task: TaskName | null;
  readonly ask: string;
  readonly hint: string | null;
}

export const STARTERS: readonly Starter[] = [
  {
    name: 'two-pes',
    title: 'Two PEs',
    code: twoPes,
    task: null,
    ask: 'The smallest program: one color, two routes, two generators. Change it, and run it.',
    hint: null,
  },
  {
    name: 'reduce',
    title: 'Exercise 1: reduce 16 PEs',
    code: reduce,
    task: 'reduce',
    ask: 'Sum 16 numbers of each of 16 PEs in a row, in fewer than 100 cycles.',
    hint: 'The chain is as long as the row. Let two halves run towards the middle at once: PE 15 to PE 8 going west, PE 0 to PE 7 going east.',
  },
  {
    name: 'deadlock',
    title: 'Exercise 2: find the deadlock',
    code: deadlock,
    task: 'deadlock',
    ask: 'Both PEs should end with the other’s 64 numbers.',
    hint: 'A queue holds a few wavelets only. Nobody takes them while both wait for their own send: receive first, and wait afterwards.',
  },
  {
    name: 'stencil',
    title: 'Exercise 3: a stencil',
    code: stencil,
    task: 'stencil',
    ask: 'Each of 6 × 4 PEs should end with the sum of its own number and those of its two to four neighbours.',
    hint: 'Three more directions, two colors for each. A receive adds to what is there already.',
  },
  {
    name: 'allreduce',
    title: 'Exercise 4: a faster all-reduce',
    code: allreduce,
    task: 'allreduce',
    ask: 'All 16 PEs should end with the sum of all, 16 numbers each, in fewer than 110 cycles.',
    hint: 'A chain from each end to the middle, at the same time, and broadcast(line, 8, …) from there: half the way out, half the way back.',
  },
  {
    name: 'sram',
    title: 'Too much for a PE',
    code: sram,
    task: null,
    ask: 'What does a machine say that has no room? Make it fit.',
    hint: null,
  },
];
