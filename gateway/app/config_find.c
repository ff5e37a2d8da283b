#include <stdio.h>

#include "app/config.h"

const struct config_door *config_find_door(const struct config *config, const struct id *id)
{
    for (size_t i = 0; i < config->n_doors; i++)
        if (id_equal(&config->doors[i].id, id))
            return &config->doors[i];
    return NULL;
}

const struct config_panel *config_find_panel(const struct config *config, const struct id *id)
{
    for (size_t i = 0; i < config->n_panels; i++)
        if (id_equal(&config->panels[i].id, id))
            return &config->panels[i];
    return NULL;
}

enum freshness_mode config_freshness(const struct config *config, const struct id *reader)
{
    for (size_t i = 0; i < config->n_readers; i++)
        if (id_equal(&config->readers[i].id, reader))
            return config->readers[i].freshness;
    return FRESHNESS_AGE;
}

bool config_path(char out[CONFIG_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, CONFIG_PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < CONFIG_PATH_MAX;
}
