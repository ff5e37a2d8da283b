#include "app/fire_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/config.h"

enum gh_err fire_rules_load(struct fire_rules *out, const char *state_dir)
{
    char path[CONFIG_PATH_MAX], line[ID_MAX + 3];
    struct fire_rules rules = {0};
    enum gh_err err = GH_OK;
    *out = rules;
    FILE *f = config_path(path, state_dir, FIRE_RULES_FILE) ? fopen(path, "re") : NULL;
    if (!f)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    rules.ignoring = calloc(CONFIG_DOORS_MAX, sizeof *rules.ignoring);
    if (!rules.ignoring)
        err = GH_IO;
    while (!err && fgets(line, sizeof line, f)) {
        size_t len = strcspn(line, "\n");
        bool good = line[len] == '\n' && rules.n < CONFIG_DOORS_MAX &&
                    id_set(&rules.ignoring[rules.n], slice_make(line, len)) == GH_OK;
        rules.n += good;
        err = good ? GH_OK : GH_INVALID;
    }
    if (!err && ferror(f))
        err = GH_IO;
    fclose(f);
    if (err)
        fire_rules_free(&rules);
    *out = rules;
    return err;
}

void fire_rules_free(struct fire_rules *rules)
{
    free(rules->ignoring);
    *rules = (struct fire_rules){0};
}

bool fire_rules_ignore(const struct fire_rules *rules, const struct id *door)
{
    for (size_t i = 0; i < rules->n; i++)
        if (id_equal(&rules->ignoring[i], door))
            return true;
    return false;
}

enum gh_err fire_rules_save(const struct fire_rules *rules, const char *state_dir)
{
    char path[CONFIG_PATH_MAX], next[CONFIG_PATH_MAX];
    if (!config_path(path, state_dir, FIRE_RULES_FILE) ||
        !config_path(next, state_dir, FIRE_RULES_FILE ".next"))
        return GH_IO;
    FILE *f = fopen(next, "we");
    bool good = f != NULL;
    for (size_t i = 0; good && i < rules->n; i++)
        good = fprintf(f, "%s\n", rules->ignoring[i].s) > 0;
    if (f)
        good = fclose(f) == 0 && good;
    /* Not synced: the loop must not wait for a disk. After a power cut the file may be
     * of before, or empty, and then a fire releases more doors, not fewer. */
    if (good && rename(next, path) == 0)
        return GH_OK;
    unlink(next);
    return GH_IO;
}
