#include "app/ctl/interrupt.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t watched(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    return set;
}

void interrupt_watch(void)
{
    const sigset_t set = watched();
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

void interrupt_let(void)
{
    const sigset_t set = watched();
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

bool interrupt_came(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
            sigismember(&pending, SIGHUP) == 1);
}

bool interrupt_wait_for(int fd)
{
    const sigset_t set = watched();
    struct pollfd p[] = {{.fd = fd, .events = POLLIN},
                         {.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN}};
    int n;
    do
        n = poll(p, 2, -1);
    while (n < 0 && errno == EINTR);
    if (p[1].fd >= 0)
        close(p[1].fd);
    return !interrupt_came();
}
