/* gatehouse.conf: any bytes give mistakes or a configuration, never a crash,
 * and a configuration that was taken has what it must have. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <stdio.h>

#include "app/config.h"

static void check_use(void *context, const struct config_use *use)
{
    const struct config *config = context;
    assert(use->line->chip[0] && use->line->line[0]);
    assert(use->door || use->input == &config->fire);
    assert(!use->input || (use->input->debounce_ms >= 0 && use->input->debounce_ms <= 1000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count(void *context, int line, const char *text)
{
    int *n = context;
    assert(line >= 0 && text[0] != '\0');
    (*n)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct config config;
    int mistakes = 0;
    int fd = memfd_create("gatehouse.conf", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    enum gh_err err = config_load(&config, path, count, &mistakes);
    close(fd);
    assert((err == GH_OK) == (mistakes == 0));
    if (err)
        return 0;
    assert(id_is_valid(slice_of(config.site.s)));
    config_each_line(&config, check_use, &config);
    for (size_t i = 0; i < config.n_doors; i++) {
        bool is_elevator = false;
        for (size_t f = 0; f < config.n_floors; f++)
            is_elevator = is_elevator || id_equal(&config.floors[f].door, &config.doors[i].id);
        assert(config_has_line(&config.doors[i].relay) || is_elevator);
    }
    config_free(&config);
    return 0;
}
