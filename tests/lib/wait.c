#include "lib/wait.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static int64_t clock_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t wait_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

struct mono wait_mono(void)
{
    return (struct mono){clock_ns(CLOCK_BOOTTIME) / 1000000};
}

void wait_pause_ms(int ms)
{
    struct timespec left = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}

bool wait_until(bool (*is_true)(void *context), void *context, int timeout_ms)
{
    int64_t end = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    int pause = 1;
    for (;;) {
        if (is_true(context)) {
            return true;
        }
        if (wait_now_ns() >= end) {
            return false;
        }
        wait_pause_ms(pause);
        if (pause < 10) {
            pause++;
        }
    }
}

void lib_say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    fprintf(stderr, "# test lib: %s\n", line);
}
