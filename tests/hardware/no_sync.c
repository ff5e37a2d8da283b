/* A disk that is not asked to keep anything: preloaded into gatehoused, it makes of it the bad build
 * that the power cuts must find. */
#include <sys/types.h>
#include <unistd.h>

int fsync(int fd)
{
    (void)fd;
    return 0;
}

int fdatasync(int fd)
{
    (void)fd;
    return 0;
}
