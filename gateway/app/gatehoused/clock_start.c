#include "app/gatehoused/clock_start.h"

#include <fcntl.h>
#include <unistd.h>

bool clock_start(struct linux_clock *clock, const struct config *config)
{
    char path[CONFIG_PATH_MAX];
    bool was_kept = config_path(path, config->run_dir, CLOCK_KEPT_FILE) && access(path, F_OK) == 0;
    linux_clock_init(clock, was_kept || config->battery_clock ||
                                clock_is_set_by_battery(CLOCK_RTC_FOLDER));
    return was_kept;
}

void clock_remember(const struct linux_clock *clock, const struct config *config,
                    bool *is_remembered)
{
    char path[CONFIG_PATH_MAX];
    bool is_right = clock->is_kept && !clock->is_stepped;
    if (is_right == *is_remembered || !config_path(path, config->run_dir, CLOCK_KEPT_FILE))
        return;
    *is_remembered = is_right;
    if (!is_right) {
        (void)unlink(path);
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (fd >= 0)
        (void)close(fd);
}
