/** The cycle-level fabric in its own thread, so that the picture goes on while it runs. */
import { WaferflowError } from '../../../core/errors.js';
import { expose } from '../../../runtime/link.js';
import type { Answered, FabricApi } from './api.js';
import { memoryAfter, record } from './run.js';

async function answer<T>(question: Promise<T>): Promise<Answered<T>> {
  try {
    return { value: await question };
  } catch (error) {
    if (error instanceof WaferflowError) return { problem: error.message };
    throw error;
  }
}

const api: FabricApi = {
  record: (request) => answer(record(request)),
  memoryAfter: (request, at, cycle) => answer(memoryAfter(request, at, cycle)),
};

expose(api, self);
