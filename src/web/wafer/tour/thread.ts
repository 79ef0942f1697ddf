/** The page's hand on the tour's thread; it ends with the view, since it holds a whole model. */
import { callback, type Remote } from '../../../runtime/link.js';
import { linkTo, type Thread } from '../../ui/thread.js';
import type { Answered } from '../record/api.js';
import type { TourApi, TourEnd, TourLook, TourModel } from './api.js';

export class TourThread {
  private thread: Thread<TourApi> | null = null;
  private worker: Worker | null = null;

  private ask<T>(question: (api: Remote<TourApi>) => Promise<T>): Promise<T> {
    if (this.thread === null) {
      const worker = new Worker(new URL('./worker.ts', import.meta.url), {
        type: 'module',
        name: 'waferflow-tour',
      });
      this.worker = worker;
      this.thread = linkTo(worker, 'the tour’s thread', () => this.end());
    }
    const { api, failed } = this.thread;
    return Promise.race([question(api), failed]);
  }

  load(model: string | Blob): Promise<Answered<TourModel>> {
    return this.ask((api) => api.load(model));
  }

  look(prompt: string): Promise<Answered<TourLook>> {
    return this.ask((api) => api.look(prompt));
  }

  finish(onToken: (done: number, of: number) => void): Promise<Answered<TourEnd | null>> {
    return this.ask((api) => api.finish(callback(onToken)));
  }

  end(): void {
    this.worker?.terminate();
    this.worker = null;
    this.thread = null;
  }
}
