#include "lib/allocations.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct allocations own;
static struct allocations *counts = &own;

extern char __executable_start; /* the linker's */

/* Before main, and before any thread. */
__attribute__((constructor)) static void share(void)
{
    const char *path = getenv(ALLOCATIONS_FILE);
    int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (fd < 0)
        return;
    void *map = ftruncate(fd, sizeof own) == 0
                    ? mmap(NULL, sizeof own, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                    : MAP_FAILED;
    close(fd);
    if (map != MAP_FAILED)
        counts = map;
}

const struct allocations *allocations_here(void)
{
    return counts;
}

static void count(const void *caller)
{
    uint_fast64_t i = atomic_fetch_add(&counts->n, 1);
    atomic_store(&counts->place[i % ALLOCATIONS_PLACES],
                 (uint_fast64_t)((const char *)caller - &__executable_start));
}

/* What the linker puts in the place of each call, and what it calls the real ones. */
#define WRAPS(result, name, parameters, arguments)                                                 \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters                                                                \
    {                                                                                              \
        count(__builtin_return_address(0));                                                        \
        return __real_##name arguments;                                                            \
    }

WRAPS(void *, malloc, (size_t size), (size))
WRAPS(void *, calloc, (size_t n, size_t size), (n, size))
WRAPS(void *, realloc, (void *old, size_t size), (old, size))
WRAPS(void *, reallocarray, (void *old, size_t n, size_t size), (old, n, size))
WRAPS(void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
WRAPS(int, posix_memalign, (void **out, size_t alignment, size_t size), (out, alignment, size))
WRAPS(char *, strdup, (const char *text), (text))
WRAPS(char *, strndup, (const char *text, size_t max), (text, max))

void __real_free(void *old);
void __wrap_free(void *old);
void __wrap_free(void *old)
{
    count(__builtin_return_address(0));
    __real_free(old);
}
