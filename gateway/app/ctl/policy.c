/* policy verify and policy import: a policy from a file.
 *
 * verify loads it into a replica of its own and throws that away; import makes it the
 * policy of a box that stands alone. A box with a cloud has its policy from there. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/ctl/ctl.h"
#include "app/policy_intake.h"
#include "app/scratch.h"
#include "app/state.h"

#define DANGLING_MAX 50

struct import {
    const char *path; /* of the policy file */
    char replica[CONFIG_PATH_MAX + 64];
    struct crypto_keys keys;
    unsigned char mask_key[32];
    struct replica_writer *writer;
    struct arena arena;
    int lock_fd; /* -1 = none */
};

static void report(void *context, int line, const char *text)
{
    const struct import *i = context;
    if (line > 0)
        fprintf(stderr, "%s:%d: %s\n", i->path, line, text);
    else
        fprintf(stderr, "gatehousectl: %s: %s\n", i->path, text);
}

static void note(void *context, const char *line)
{
    const struct import *i = context;
    fprintf(stderr, "%s: note: %s\n", i->path, line);
}

static bool complain(const char *what, const char *why)
{
    fprintf(stderr, "gatehousectl: %s: %s\n", what, why);
    return false;
}

static bool open_replica(struct import *i)
{
    char why[REPLICA_WHY_MAX] = "";
    const struct replica_crypto crypto = {crypto_sha256, intake_mask, i->mask_key};
    intake_mask_key(i->mask_key, &i->keys);
    i->arena = (struct arena){.base = malloc(INTAKE_ARENA_BYTES), .size = INTAKE_ARENA_BYTES};
    if (!i->arena.base)
        return complain(i->path, "out of memory");
    enum gh_err err = replica_writer_open(&i->writer, i->replica, &crypto, why);
    if (err == GH_CORRUPT) { /* what is imported is whole */
        fprintf(stderr, "gatehousectl: %s; it is kept as replica.db.damaged\n", why);
        err = replica_writer_open_fresh(&i->writer, i->replica, &crypto, why);
    }
    return err == GH_OK || complain(i->replica, why);
}

/* Everything that is wrong with the file, or makes it the policy. */
static bool load(struct import *i, int *rows)
{
    char why[REPLICA_WHY_MAX] = "";
    struct replica_state state;
    struct intake_file file = {.writer = i->writer,
                               .keys = &i->keys,
                               .arena = &i->arena,
                               .report = report,
                               .context = i};
    replica_writer_state(i->writer, &state);
    struct policy_version version = {.epoch = state.version.epoch > 0 ? state.version.epoch : 1,
                                     .rev = state.version.rev + 1,
                                     .issued_at = (int64_t)time(NULL)};
    if (replica_writer_begin_snapshot(i->writer) != GH_OK)
        return complain(i->replica, "it cannot be written: check the disk and its space");
    if (intake_read(&file, i->path) != GH_OK)
        return false;
    *rows = file.rows;
    if (replica_writer_adopt(i->writer, &version, 1, why) != GH_OK)
        return complain(i->path, why);
    if (replica_writer_dangling(i->writer, DANGLING_MAX, note, i) != GH_OK)
        return complain(i->path, "its references could not be looked at");
    return true;
}

static void close_all(struct import *i)
{
    replica_writer_close(i->writer);
    free(i->arena.base);
    crypto_forget(&i->keys, sizeof i->keys);
    crypto_forget(i->mask_key, sizeof i->mask_key);
    if (i->lock_fd >= 0)
        close(i->lock_fd);
}

/* --- verify ------------------------------------------------------------------------------ */

static bool prepare(struct import *i, struct scratch *scratch)
{
    if (!scratch_make(scratch, "policy"))
        return complain("the temporary folder", strerror(errno));
    snprintf(i->replica, sizeof i->replica, "%s", scratch->replica);
    if (crypto_start() != GH_OK)
        return complain("the crypto library", "it does not start");
    crypto_random(&i->keys, sizeof i->keys);
    return true;
}

int ctl_policy_verify(const char *path)
{
    struct import i = {.path = path, .lock_fd = -1};
    struct scratch scratch;
    int rows = 0;
    bool good = prepare(&i, &scratch) && open_replica(&i) && load(&i, &rows);
    if (good)
        printf("%s: %d row%s, and nothing wrong\n", path, rows, rows == 1 ? "" : "s");
    close_all(&i);
    scratch_remove(&scratch);
    return good ? CTL_DONE : CTL_REFUSED;
}

/* --- import ------------------------------------------------------------------------------ */

/* The lock that gatehouse-syncd holds while it runs: one writer. */
static bool lock(struct import *i, const char *state_dir)
{
    char path[CONFIG_PATH_MAX];
    i->lock_fd = state_lock(path, state_dir, STATE_SYNCD_LOCK, 0600);
    if (i->lock_fd >= 0)
        return true;
    return complain(path, state_lock_why(errno, "gatehouse-syncd runs, and it alone writes the policy"));
}

static bool open_box(struct import *i, const struct config *config)
{
    if (config->cloud_url[0])
        return complain(i->path, "this gateway has its policy from the cloud ([cloud] in the "
                                 "configuration): change it there");
    if (!config_path(i->replica, config->state_dir, STATE_REPLICA))
        return complain(config->state_dir, "the path is too long");
    if (!lock(i, config->state_dir))
        return false;
    enum gh_err err = state_keys_load(&i->keys, config->state_dir, 0);
    if (err == GH_NOT_FOUND)
        return complain(STATE_DEVICE_KEY, "there is no device key yet: start gatehoused once");
    return err == GH_OK || complain(STATE_DEVICE_KEY, gh_err_name(err));
}

/* sudo makes files of root's, which gatehoused could not read: all reads would be denied. */
static void give_replica(const struct config *config)
{
    static const char *const names[] = {STATE_REPLICA, STATE_REPLICA "-wal", STATE_REPLICA "-shm",
                                        STATE_REPLICA "-next", STATE_REPLICA ".damaged"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        state_give(config->state_dir, names[i]);
}

int ctl_policy_import(const struct ctl *ctl, const char *path)
{
    struct import i = {.path = path, .lock_fd = -1};
    struct config config;
    int rows = 0;
    if (config_load(&config, ctl->config_path, config_ignore_mistake, NULL) != GH_OK) {
        complain(ctl->config_path, "it cannot be used: see gatehousectl config check");
        return CTL_REFUSED;
    }
    bool good = open_box(&i, &config) && open_replica(&i) && load(&i, &rows);
    if (good)
        printf("%s: %d row%s the policy now\n", path, rows, rows == 1 ? " is" : "s are");
    else
        fprintf(stderr, "gatehousectl: %s was not imported; the policy is as it was\n", path);
    close_all(&i);
    give_replica(&config);
    config_free(&config);
    return good ? CTL_DONE : CTL_REFUSED;
}
