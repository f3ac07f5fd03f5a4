// powerdisk: a disk with a volatile write cache, as a FUSE file system of two files. A loop device over its file `disk` is
// a block device that loses power, and fails, when the test says so.
//
//   POWERDISK_IMAGE=first.img POWERDISK_SECTOR=512 powerdisk -f -s MOUNTPOINT
//
// A sector is the unit that the disk writes whole or not at all.
//
// disk  has the size of the first image. A write goes to the cache; a flush (fsync) makes all of the cache
//       durable. Reads see the cache, as on a real disk.
// ctl   takes one command per write; a command that fails is EIO, an unknown one EINVAL:
//   crash SEED FILE   writes what a power cut could leave now: the durable bytes and some of the
//                     unflushed writes: a first part of them, any of them, or any of their sectors.
//   load FILE         the disk holds this image, durably; it has the same size.
//   lose              the cache is lost.
//   write-error N     the N-th write from now on fails with EIO and changes nothing.
//   flush-error N     the N-th flush from now on fails with EIO and loses the cache. Flushes while the cache has a
//                     block of ext4's journal do not count: the file system would not learn that its journal is lost,
//                     and would lose files, whatever the programs above it do.
//
// Invariants: `seen` is `durable` with all of `pending` applied in order. There is one thread (-s), so a command falls
// between two operations and an image is of one instant.

#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 4096 };

struct pending {
  struct pending *next;
  off_t at;
  size_t bytes;
  char data[];
};

static char *durable, *seen;
static off_t disk_bytes;
static size_t sector_bytes;
static struct pending *first, **last = &first;
static long pending_count, write_error_in, flush_error_in;
static uint64_t random_state;

/** xorshift64*: the seed alone decides what an image keeps. */
static uint32_t random32(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 2685821657736338717ULL) >> 32);
}

static char *memory(void) {
  void *bytes = mmap(NULL, disk_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (bytes == MAP_FAILED) abort();
  return bytes;
}

/** Ends all pending writes: they become durable, or are lost. */
static void settle(int keep) {
  while (first != NULL) {
    struct pending *write = first;
    memcpy((keep ? durable : seen) + write->at, (keep ? write->data : durable + write->at), write->bytes);
    first = write->next;
    free(write);
  }
  last = &first;
  pending_count = 0;
}

static const char zeros[BLOCK];

/** Blocks of zeros are not written over zeros, so that they take no memory. */
static void put(char *to, const char *block) {
  if (memcmp(to, block, BLOCK) != 0) memcpy(to, block, BLOCK);
}

static int load(const char *path) {
  char block[BLOCK];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return -errno;
  settle(0);
  off_t at = 0;
  for (; at < disk_bytes && read(file, block, BLOCK) == BLOCK; at += BLOCK) {
    put(durable + at, block);
    put(seen + at, block);
  }
  close(file);
  return at == disk_bytes ? 0 : -EIO;
}

static int write_all(int file, const char *bytes, size_t count, off_t at) {
  return pwrite(file, bytes, count, at) == (ssize_t)count ? 0 : -EIO;
}

/** Writes the pending bytes over the durable ones in `file`, as far as the seed keeps them. */
static int write_kept(int file) {
  uint32_t style = random32() % 3;
  long prefix = (long)(random32() % (pending_count + 1));
  uint32_t share = random32() % 101;
  long index = 0;
  int result = 0;
  for (struct pending *write = first; write != NULL; write = write->next, index++) {
    size_t piece = style == 2 ? sector_bytes : write->bytes;
    for (size_t from = 0; from < write->bytes && result == 0; from += piece) {
      size_t bytes = write->bytes - from < piece ? write->bytes - from : piece;
      int kept = style == 0 ? index < prefix : random32() % 100 < share;
      if (kept) result = write_all(file, write->data + from, bytes, write->at + from);
    }
  }
  return result;
}

/** Holes stay holes: an image takes only as much room as it has bytes that are not zero. */
static int crash(uint64_t seed, const char *path) {
  random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (int warm = 0; warm < 8; warm++) random32();
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return -errno;
  int result = ftruncate(file, disk_bytes) == 0 ? 0 : -errno;
  for (off_t at = 0; result == 0 && at < disk_bytes; at += BLOCK)
    if (memcmp(durable + at, zeros, BLOCK) != 0) result = write_all(file, durable + at, BLOCK, at);
  if (result == 0) result = write_kept(file);
  if (close(file) != 0 && result == 0) result = -errno;
  return result;
}

static int obey(char *command) {
  unsigned long long number;
  char path[4096];
  if (sscanf(command, "crash %llu %4095[^\n]", &number, path) == 2) return crash(number, path);
  if (sscanf(command, "load %4095[^\n]", path) == 1) return load(path);
  if (sscanf(command, "write-error %llu", &number) == 1) return (write_error_in = (long)number, 0);
  if (sscanf(command, "flush-error %llu", &number) == 1) return (flush_error_in = (long)number, 0);
  if (strncmp(command, "lose", 4) == 0) return (settle(0), 0);
  return -EINVAL;
}

static int is_disk(const char *path) { return strcmp(path, "/disk") == 0; }

static int pd_getattr(const char *path, struct stat *st, struct fuse_file_info *info) {
  (void)info;
  memset(st, 0, sizeof *st);
  st->st_nlink = 1;
  if (strcmp(path, "/") == 0) return (st->st_mode = S_IFDIR | 0700, 0);
  if (!is_disk(path) && strcmp(path, "/ctl") != 0) return -ENOENT;
  st->st_mode = S_IFREG | 0600;
  st->st_size = is_disk(path) ? disk_bytes : 0;
  return 0;
}

static int pd_readdir(const char *path, void *to, fuse_fill_dir_t fill, off_t at,
                      struct fuse_file_info *info, enum fuse_readdir_flags flags) {
  (void)path, (void)at, (void)info, (void)flags;
  fill(to, "disk", NULL, 0, 0);
  fill(to, "ctl", NULL, 0, 0);
  return 0;
}

static int pd_open(const char *path, struct fuse_file_info *info) {
  (void)path;
  // The kernel keeps no copy: reads return what the disk has.
  info->direct_io = 1;
  return 0;
}

static int pd_truncate(const char *path, off_t bytes, struct fuse_file_info *info) {
  (void)bytes, (void)info;
  return is_disk(path) ? -EPERM : 0;
}

static int pd_read(const char *path, char *to, size_t bytes, off_t at, struct fuse_file_info *info) {
  (void)info;
  if (!is_disk(path) || at >= disk_bytes) return 0;
  if ((off_t)bytes > disk_bytes - at) bytes = disk_bytes - at;
  memcpy(to, seen + at, bytes);
  return (int)bytes;
}

static int pd_write(const char *path, const char *data, size_t bytes, off_t at,
                    struct fuse_file_info *info) {
  (void)info;
  if (!is_disk(path)) {
    char command[8192] = "";
    memcpy(command, data, bytes < sizeof command ? bytes : sizeof command - 1);
    int result = obey(command);
    return result < 0 ? result : (int)bytes;
  }
  if (at + (off_t)bytes > disk_bytes) return -ENOSPC;
  if (write_error_in > 0 && --write_error_in == 0) return -EIO;
  struct pending *write = malloc(sizeof *write + bytes);
  if (write == NULL) return -ENOMEM;
  *write = (struct pending){.next = NULL, .at = at, .bytes = bytes};
  memcpy(write->data, data, bytes);
  memcpy(seen + at, data, bytes);
  *last = write;
  last = &write->next;
  pending_count++;
  return (int)bytes;
}

/** The first bytes of a block that describes or commits a transaction in the journal of ext4. */
static const unsigned char journal_magic[] = {0xc0, 0x3b, 0x39, 0x98};

static int holds_journal(void) {
  for (struct pending *write = first; write != NULL; write = write->next)
    if (memcmp(write->data, journal_magic, sizeof journal_magic) == 0) return 1;
  return 0;
}

static int pd_fsync(const char *path, int datasync, struct fuse_file_info *info) {
  (void)datasync, (void)info;
  if (!is_disk(path)) return 0;
  int failed = flush_error_in > 0 && !holds_journal() && --flush_error_in == 0;
  settle(!failed);
  return failed ? -EIO : 0;
}

static const struct fuse_operations operations = {
    .getattr = pd_getattr,
    .readdir = pd_readdir,
    .open = pd_open,
    .truncate = pd_truncate,
    .read = pd_read,
    .write = pd_write,
    .fsync = pd_fsync,
};

int main(int argc, char **argv) {
  const char *image = getenv("POWERDISK_IMAGE");
  const char *sector = getenv("POWERDISK_SECTOR");
  struct stat st;
  if (image == NULL || stat(image, &st) != 0 || st.st_size % BLOCK != 0) {
    fprintf(stderr, "powerdisk: POWERDISK_IMAGE must name an image of whole 4096-byte blocks\n");
    return 64;
  }
  disk_bytes = st.st_size;
  sector_bytes = sector == NULL ? 512 : strtoul(sector, NULL, 10);
  if (sector_bytes == 0) return 64;
  durable = memory();
  seen = memory();
  if (load(image) != 0) {
    fprintf(stderr, "powerdisk: cannot read %s\n", image);
    return 74;
  }
  return fuse_main(argc, argv, &operations, NULL);
}
