#include "app/syncd/token.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

/* The length of the token at the beginning of text; 0 if it is none. */
static size_t token_length(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] > 0x20 && text[n] < 0x7f)
        n++;
    bool ends_well = n == len || text[n] == '\n' || text[n] == '\r';
    return ends_well && n <= TOKEN_MAX ? n : 0;
}

bool token_read(char out[TOKEN_MAX + 1], const char *path, char *why, size_t why_size)
{
    struct stat st;
    char text[TOKEN_MAX + 2];
    __attribute__((cleanup(close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, why_size, "token file %s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
        snprintf(why, why_size, "token file %s: others may read it; set its mode to 0600", path);
        return false;
    }
    ssize_t got = read(fd, text, sizeof text);
    size_t n = got > 0 ? token_length(text, (size_t)got) : 0;
    if (n > 0) {
        memcpy(out, text, n);
        out[n] = '\0';
    } else {
        snprintf(why, why_size, "token file %s: its first line must be the token, 1 to %d visible "
                 "characters", path, TOKEN_MAX);
    }
    explicit_bzero(text, sizeof text);
    return n > 0;
}
