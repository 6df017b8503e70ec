// Preloaded into a process of the chaos test: its wall clock is ahead by the seconds in the file CHAOS_CLOCK (8 bytes), which
// may change at any time. Not timespec_get(), by which librdkafka makes the deadlines of cnd_timedwait(): the C library waits
// for these by the kernel's clock. (libfaketime shifts the one and not the other, so that all its waits become minutes.)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t* ahead;

__attribute__((constructor)) static void open_offset(void) {
  const char* path = getenv("CHAOS_CLOCK");
  const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (file < 0) return;
  void* page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
  close(file);
  if (page != MAP_FAILED) ahead = page;
}

int clock_gettime(clockid_t which, struct timespec* into) {
  const int failed = (int)syscall(SYS_clock_gettime, which, into);
  if (!failed && ahead && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) into->tv_sec += *ahead;
  return failed;
}

int gettimeofday(struct timeval* restrict into, void* restrict zone) {
  (void)zone;
  struct timespec now;
  const int failed = clock_gettime(CLOCK_REALTIME, &now);
  into->tv_sec = now.tv_sec;
  into->tv_usec = now.tv_nsec / 1000;
  return failed;
}

time_t time(time_t* into) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (into) *into = now.tv_sec;
  return now.tv_sec;
}
