// A server without syncs, to prove that the test of power loss sees what syncs are for. The library is preloaded
// (LD_PRELOAD): it turns fsync and fdatasync into nothing and removes O_DSYNC and O_SYNC from every open.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/types.h>

int fsync(int file) { return (void)file, 0; }
int fdatasync(int file) { return (void)file, 0; }

typedef int open_call(const char *, int, ...);

#define OPEN(name)                                                \
  int name(const char *path, int flags, ...) {                    \
    va_list rest;                                                 \
    va_start(rest, flags);                                        \
    mode_t mode = va_arg(rest, mode_t);                           \
    va_end(rest);                                                 \
    open_call *real = (open_call *)dlsym(RTLD_NEXT, #name);       \
    return real(path, flags & ~(O_SYNC | O_DSYNC), mode);         \
  }

OPEN(open)
OPEN(open64)
