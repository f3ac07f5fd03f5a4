import { AheadStore } from '../support/ahead-store.js';
import { storeConformance } from './store-conformance.js';

storeConformance(
  'memory, answered later',
  () => {
    let passedMs = 0;
    const startedMs = Date.now();
    const store = new AheadStore({ nowMs: () => startedMs + passedMs });
    return Promise.resolve({
      store,
      offers: { answersEarly: false },
      wait: async (promise) => promise,
      advance: (delayMs) => {
        passedMs += delayMs;
        return Promise.resolve();
      },
      close: () => store.close(),
    });
  },
  false,
);
