/* policy verify and policy import: a policy from a file.
 *
 * verify loads it into a replica of its own and throws that away; import makes it the
 * policy of a box that stands alone. A box with a cloud has its policy from there. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "app/ctl/ctl.h"
#include "app/policy_intake.h"

#define DANGLING_MAX 50

struct import {
    const char *path; /* of the policy file */
    char folder[CONFIG_PATH_MAX];
    char replica[CONFIG_PATH_MAX + 32];
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

static bool make_scratch(struct import *i)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(i->folder, sizeof i->folder, "%s/gatehouse-policy-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(i->folder)) {
        i->folder[0] = '\0';
        return complain("the temporary folder", strerror(errno));
    }
    snprintf(i->replica, sizeof i->replica, "%s/replica.db", i->folder);
    if (crypto_start() != GH_OK)
        return complain("the crypto library", "it does not start");
    crypto_random(&i->keys, sizeof i->keys);
    return true;
}

static void remove_scratch(const struct import *i)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-next", "-next-journal"};
    for (size_t n = 0; i->folder[0] && n < sizeof suffixes / sizeof suffixes[0]; n++) {
        char path[CONFIG_PATH_MAX + 64];
        snprintf(path, sizeof path, "%s%s", i->replica, suffixes[n]);
        unlink(path);
    }
    if (i->folder[0])
        rmdir(i->folder);
}

int ctl_policy_verify(const char *path)
{
    struct import i = {.path = path, .lock_fd = -1};
    int rows = 0;
    bool good = make_scratch(&i) && open_replica(&i) && load(&i, &rows);
    if (good)
        printf("%s: %d rows, and nothing wrong with them\n", path, rows);
    close_all(&i);
    remove_scratch(&i);
    return good ? CTL_DONE : CTL_REFUSED;
}

/* --- import ------------------------------------------------------------------------------ */

static void ignore_mistake(void *context, int line, const char *text)
{
    (void)context;
    (void)line;
    (void)text;
}

/* The lock that gatehouse-syncd holds while it runs: one writer. */
static bool lock(struct import *i, const char *state_dir)
{
    char path[CONFIG_PATH_MAX];
    if (!config_path(path, state_dir, "syncd.lock"))
        return complain(state_dir, "the path is too long");
    i->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (i->lock_fd >= 0 && flock(i->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    return complain(path, errno == EWOULDBLOCK ? "gatehouse-syncd runs, and it alone writes the policy"
                                               : strerror(errno));
}

static bool open_box(struct import *i, const struct config *config)
{
    char key[CONFIG_PATH_MAX];
    if (config->cloud_url[0])
        return complain(i->path, "this gateway has its policy from the cloud ([cloud] in the "
                                 "configuration): change it there");
    if (!config_path(i->replica, config->state_dir, "replica.db") ||
        !config_path(key, config->state_dir, "device.key"))
        return complain(config->state_dir, "the path is too long");
    if (!lock(i, config->state_dir))
        return false;
    enum gh_err err = crypto_start() == GH_OK ? crypto_keys_load(&i->keys, key, 0) : GH_IO;
    if (err == GH_NOT_FOUND)
        return complain(key, "there is no device key yet: start gatehoused once");
    return err == GH_OK || complain(key, gh_err_name(err));
}

int ctl_policy_import(const struct ctl *ctl, const char *path)
{
    struct import i = {.path = path, .lock_fd = -1};
    struct config config;
    int rows = 0;
    if (config_load(&config, ctl->config_path, ignore_mistake, NULL) != GH_OK) {
        complain(ctl->config_path, "it cannot be used: see gatehousectl config check");
        return CTL_REFUSED;
    }
    bool good = open_box(&i, &config) && open_replica(&i) && load(&i, &rows);
    if (good)
        printf("%s: %d rows are the policy now\n", path, rows);
    else
        fprintf(stderr, "gatehousectl: %s was not imported; the policy is as it was\n", path);
    close_all(&i);
    config_free(&config);
    return good ? CTL_DONE : CTL_REFUSED;
}
