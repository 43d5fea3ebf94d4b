/* LD_PRELOAD shim of the benches: counts every fsync and fdatasync in a shared file, and makes each slower on request, as an
   SD card would. BENCH_FSYNC_FILE: 8 bytes, the count. BENCH_FSYNC_US: microseconds to add to each. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static uint64_t *count;
static long delay_us;
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void begin(void) {
  real_fsync = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  const char *us = getenv("BENCH_FSYNC_US");
  if (us) delay_us = atol(us);
  const char *file = getenv("BENCH_FSYNC_FILE");
  if (!file) return;
  int descriptor = open(file, O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return;
  void *shared = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (shared != MAP_FAILED) count = shared;
}

static void note(void) {
  if (count) __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
  if (delay_us > 0) {
    struct timespec left = {delay_us / 1000000, (delay_us % 1000000) * 1000};
    while (nanosleep(&left, &left) != 0) {
    }
  }
}

int fsync(int descriptor) {
  note();
  return real_fsync(descriptor);
}

int fdatasync(int descriptor) {
  note();
  return real_fdatasync(descriptor);
}
