#include "adapters/linux/boot.h"

#include <fcntl.h>
#include <unistd.h>

#include "core/fnv.h"

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LEN 36

uint64_t boot_id_hash(struct slice text)
{
    uint64_t hash = fnv1a(FNV1A_BASIS, slice_cut(&text, '\n'));
    return hash ? hash : 1;
}

uint64_t linux_boot_id_hash(void)
{
    char text[64];
    int fd = open(BOOT_ID_PATH, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    return n < BOOT_ID_LEN ? 0 : boot_id_hash(slice_make(text, (size_t)n));
}
