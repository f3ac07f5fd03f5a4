// Returned memory: for large buffers that do not last, so that the system has their memory back when they are gone.
//
// glibc serves a request from a heap that it keeps, or from a mapping of its own that ends with it. What decides is a
// threshold, which rises, for the whole process and for good, to the size of each mapping that ends, up to 32 MiB;
// and a heap gives its end back only above twice that. So one short-lived buffer of 20 MB makes the process keep tens
// of megabytes in the heap of every thread. A request above 32 MiB is always a mapping, and moves nothing: what is
// asked for and never touched is only a number.
//
// Invariant: nothing that is freed while the process runs should have between 2 and 32 MiB.

/** Up to here a buffer is worth no mapping: it moves the threshold no further than a page of the keydir does. */
const PLAIN_BYTES_MAX = 1024 * 1024;
/** Above every threshold that glibc knows. */
const MAPPED_BYTES_MIN = 33 * 1024 * 1024;

/** At least so many bytes, all zero. For memory that does not last. */
export function returnedMemory(bytes: number): ArrayBuffer {
  return new ArrayBuffer(bytes <= PLAIN_BYTES_MAX ? bytes : Math.max(bytes, MAPPED_BYTES_MIN));
}

/** The same as a buffer of exactly that length. */
export function returnedBuffer(bytes: number): Buffer {
  return Buffer.from(returnedMemory(bytes), 0, bytes);
}
