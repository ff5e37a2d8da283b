#include "lib/damage.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

bool damage_flip(const char *path, int64_t at, int bit)
{
    unsigned char byte;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool done = pread(fd, &byte, 1, at) == 1;
    byte = (unsigned char)(done ? byte ^ (1 << bit) : 0);
    done = done && pwrite(fd, &byte, 1, at) == 1;
    return close(fd) == 0 && done;
}

int64_t damage_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

int damage_pages(const char *path, int64_t first_page)
{
    int64_t size = damage_size(path);
    int n = 0;
    for (int64_t at = (first_page - 1) * PAGE; at + PAGE <= size; at += PAGE, n++)
        if (!damage_flip(path, at + PAGE / 2 + 1, n % 8))
            return -1;
    return size < 0 ? -1 : n;
}
