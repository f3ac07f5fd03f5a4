// placeholder
export class ValueCache {
  readonly #map = new Map<number, { seq: number; flags: number; cas: bigint; value: Buffer }>();
  readonly bytesMax: number;
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }
  get(ref: number, seq: number): { value: Buffer; flags: number; cas: bigint } | undefined {
    const e = this.#map.get(ref);
    return e?.seq === seq ? e : undefined;
  }
  put(ref: number, seq: number, flags: number, cas: bigint, value: Buffer): void {
    if (this.bytesMax === 0) return;
    this.#map.set(ref, { seq, flags, cas, value: Buffer.from(value) });
  }
}
