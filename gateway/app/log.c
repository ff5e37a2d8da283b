#include "app/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int prefix_write(char *out, size_t size, int priority)
{
    if (getenv("JOURNAL_STREAM"))
        return snprintf(out, size, "<%d>", priority);
    struct timespec ts;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    return snprintf(out, size, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                    ts.tv_nsec / 1000000);
}

void log_line(int priority, const char *fmt, ...)
{
    if (priority > LOG_INFO && !getenv("GATEHOUSE_DEBUG"))
        return;
    char line[1024];
    int n = prefix_write(line, sizeof line, priority);
    va_list args;
    va_start(args, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, args);
    va_end(args);
    if (m < 0)
        return;
    n += m;
    if ((size_t)n > sizeof line - 2)
        n = sizeof line - 2;
    for (int i = 0; i < n; i++)
        if (line[i] == '\n' || line[i] == '\r')
            line[i] = ' ';
    line[n++] = '\n';
    /* One write, so that lines of two threads never mix. A log that nobody takes
     * is passed over: doors do not wait for it. */
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
        return;
    ssize_t written = write(STDERR_FILENO, line, (size_t)n);
    (void)written;
}
