// Returned memory: large short-lived buffers whose memory goes back to the system when they are freed.
//
// glibc takes an allocation from a heap that it keeps, or from a mapping of its own that it unmaps when freed. A
// threshold decides. When a mapping is freed, the threshold rises to its size, up to 32 MiB, for the whole process
// and for good; and a heap gives its end back only above twice the threshold. So one short-lived buffer of 20 MB
// makes the process keep tens of megabytes in the heap of every thread. An allocation above 32 MiB is always a
// mapping and leaves the threshold alone; the part of it that is never touched uses no memory.
//
// Invariant: no allocation that is freed while the process runs should have between 2 and 32 MiB.

/** Up to this size a buffer needs no mapping: it raises the threshold no further than a page of the keydir does. */
const PLAIN_BYTES_MAX = 1024 * 1024;
/** Above the highest threshold that glibc can have. */
const MAPPED_BYTES_MIN = 33 * 1024 * 1024;

/** Returns at least `bytes` bytes, all zero, for short-lived use. */
export function returnedMemory(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes <= PLAIN_BYTES_MAX ? bytes : Math.max(bytes, MAPPED_BYTES_MIN));
}

/** Returns returnedMemory as a buffer of exactly `bytes` bytes. */
export function returnedBuffer(bytes: number): Buffer {
  return Buffer.from(returnedMemory(bytes), 0, bytes);
}
