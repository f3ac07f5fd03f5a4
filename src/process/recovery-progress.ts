// Recovery progress: shows on a terminal how far the start has come, if it takes more than a second.

const SILENT_MS = 1000;
const REDRAW_MS = 100;

interface RecoveryProgress {
  update(segmentsDone: number, segmentsTotal: number): void;
  /** Clears the line. */
  end(): void;
}

/** Returns undefined without a terminal: messages then go to a file or a service manager. */
export function recoveryProgress(
  out: { readonly isTTY?: boolean; write(text: string): unknown },
  nowMs: () => number,
): RecoveryProgress | undefined {
  if (out.isTTY !== true) return undefined;
  let drawnMs = nowMs() + SILENT_MS - REDRAW_MS;
  let isDrawn = false;
  return {
    update(done, total) {
      if (nowMs() - drawnMs < REDRAW_MS) return;
      drawnMs = nowMs();
      isDrawn = true;
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      out.write(`\r\x1b[Kcairn: recovering, segment ${done} of ${total} (${percent} %)`);
    },
    end() {
      if (isDrawn) out.write('\r\x1b[K');
    },
  };
}
