/* Which GPIO chips the machine has: the devices of their name. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "gpiod_names.h"

int gpio_chip_names(char names[GPIO_CHIPS_MAX][GPIO_CHIP_NAME_MAX])
{
    DIR *dev = opendir("/dev");
    if (!dev)
        return -1;
    int n = 0;
    const struct dirent *entry;
    while (n >= 0 && (entry = readdir(dev))) {
        if (!gpio_is_chip_name(entry->d_name))
            continue;
        if (n < GPIO_CHIPS_MAX)
            memcpy(names[n++], entry->d_name, strlen(entry->d_name) + 1);
        else
            n = -1; /* some would not be looked at */
    }
    int error = n < 0 ? E2BIG : 0;
    closedir(dev);
    errno = error;
    return n;
}
