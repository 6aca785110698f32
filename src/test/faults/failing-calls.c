/* Lets the n-th system call of a kind fail, or all from it on, in files below one folder: before it acts, or after. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

/* Shared with the test through a file. */
struct plan {
  atomic_int kinds;     /* bits of enum kind; 0: nothing fails */
  atomic_int left;      /* matching calls until the one that fails */
  atomic_int persisted; /* the call acts, and only its answer is lost */
  atomic_int error;     /* errno of the failure */
  atomic_int hits;      /* failures so far */
  atomic_int lasting;   /* every later call fails too */
};

enum kind { SYNC = 1, WRITE = 2, RENAME = 4, TRUNCATE = 8 };

static struct plan *plan;
static const char *folder;

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("YINXIN_FAULT_PLAN");
  folder = getenv("YINXIN_FAULT_FOLDER");
  if (!file || !folder) return;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) abort();
  plan = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (plan == MAP_FAILED) abort();
  close(fd);
}

static int is_ours(const char *path) { return strncmp(path, folder, strlen(folder)) == 0; }

static int is_our_file(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return is_ours(path);
}

static int is_struck(void) {
  int left = atomic_fetch_sub(&plan->left, 1);
  if (left > 1 || (left < 1 && !atomic_load(&plan->lasting))) return 0;
  atomic_fetch_add(&plan->hits, 1);
  return 1;
}

#define ARMED(kind) (plan && (atomic_load(&plan->kinds) & (kind)))

#define FAIL(kind, ours, act)                                   \
  if (ARMED(kind) && (ours) && is_struck()) {               \
    if (atomic_load(&plan->persisted)) (void)!(act);            \
    errno = atomic_load(&plan->error);                          \
    return -1;                                                  \
  }                                                             \
  return (act)

#define NEXT(type, name, ...)                                   \
  static type (*real)(__VA_ARGS__);                             \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

int fsync(int fd) {
  NEXT(int, "fsync", int);
  FAIL(SYNC, is_our_file(fd), real(fd));
}
int fdatasync(int fd) {
  NEXT(int, "fdatasync", int);
  FAIL(SYNC, is_our_file(fd), real(fd));
}
ssize_t write(int fd, const void *bytes, size_t count) {
  NEXT(ssize_t, "write", int, const void *, size_t);
  FAIL(WRITE, is_our_file(fd), real(fd, bytes, count));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  NEXT(ssize_t, "pwrite", int, const void *, size_t, off_t);
  FAIL(WRITE, is_our_file(fd), real(fd, bytes, count, at));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  NEXT(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
  FAIL(WRITE, is_our_file(fd), real(fd, bytes, count, at));
}
int rename(const char *from, const char *to) {
  NEXT(int, "rename", const char *, const char *);
  FAIL(RENAME, is_ours(to), real(from, to));
}
int ftruncate(int fd, off_t length) {
  NEXT(int, "ftruncate", int, off_t);
  FAIL(TRUNCATE, is_our_file(fd), real(fd, length));
}
int ftruncate64(int fd, off64_t length) {
  NEXT(int, "ftruncate64", int, off64_t);
  FAIL(TRUNCATE, is_our_file(fd), real(fd, length));
}
