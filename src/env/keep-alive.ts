// A hold on the process: the clock's timers keep none alive, so that a wait for an engine on other machines, to which no
// socket is open, would end the process in its midst, without a word.

/** Longer than any wait; what it does is nothing. */
const TICK_MS = 3_600_000;

/** Keeps the process alive until it is ended by `process.exit` or a signal. */
export function keepAlive(): void {
  setInterval(() => {}, TICK_MS);
}
