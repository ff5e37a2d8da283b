#include "app/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "adapters/openssl/chain.h"
#include "app/whole_file.h"

#define RENEWS "renews "
#define RENEWED_MAX (sizeof RENEWS + CERTIFICATE_HASH_TEXT + REQUEST_KEY_MAX + IDENTITY_PEM_MAX)
#define BESIDE ".new" /* the folder that is to take the place of ours, or has lost it */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#define FD __attribute__((cleanup(close_fd))) int

__attribute__((format(printf, 2, 3))) static bool tell(char why[IDENTITY_WHY_MAX], const char *format,
                                                       ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, IDENTITY_WHY_MAX, format, args);
    va_end(args);
    return false;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Closed by a zero. False with errno. */
static bool read_file(char *out, size_t size, int dir, const char *name)
{
    char *text = NULL;
    size_t len = 0;
    enum gh_err err = whole_file_read(dir, name, &text, &len);
    bool good = !err && len < size && strlen(text) == len;
    if (good)
        memcpy(out, text, len + 1);
    whole_file_forget(text, len);
    if (!good && (!err || err == GH_INVALID))
        errno = err ? EINVAL : EFBIG;
    return good;
}

/* The pair of the enrolment. The open folder is one state, whatever takes its place meanwhile. */
static enum gh_err load_enrolled(struct identity *out, const struct config *config,
                                 char why[IDENTITY_WHY_MAX])
{
    struct certificate_facts facts;
    const char *dir = config->cloud_dir, *file = CONFIG_CERT_FILE;
    FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool read = fd >= 0 && read_file(out->certificate, sizeof out->certificate, fd, file) &&
                read_file(out->key, sizeof out->key, fd, file = CONFIG_KEY_FILE) &&
                read_file(out->ca, sizeof out->ca, fd, file = CONFIG_CA_FILE);
    if (!read && errno == ENOENT) {
        tell(why, "this gateway is not enrolled: there is no %s/%s", dir, file);
        return GH_NOT_FOUND;
    }
    if (!read) {
        tell(why, "%s/%s: %s", dir, file, strerror(errno));
        return GH_IO;
    }
    if (certificate_read(&facts, slice_of(out->certificate)) != GH_OK ||
        !chain_fits(slice_of(out->certificate), slice_of(out->key))) {
        tell(why, "%s: " CONFIG_CERT_FILE " and " CONFIG_KEY_FILE " are no certificate and its key",
             dir);
        return GH_INVALID;
    }
    memcpy(out->enrolled, facts.fingerprint, sizeof out->enrolled);
    return GH_OK;
}

/* False: it is damaged. Of another enrolment, or absent: true, and *out stays. */
static bool take_renewed(struct identity *out, const char *text)
{
    static const char key_begins[] = "-----BEGIN PRIVATE", key_ends[] = "-----END PRIVATE KEY-----\n";
    size_t head = sizeof RENEWS - 1 + CERTIFICATE_HASH_TEXT;
    if (strncmp(text, RENEWS, sizeof RENEWS - 1) != 0 || strlen(text) < head ||
        text[head - 1] != '\n')
        return false;
    if (strncmp(text + sizeof RENEWS - 1, out->enrolled, CERTIFICATE_HASH_TEXT - 1) != 0)
        return true;
    const char *key = text + head, *certificate = strstr(key, key_ends);
    if (!certificate || strncmp(key, key_begins, sizeof key_begins - 1) != 0)
        return false;
    certificate += sizeof key_ends - 1;
    size_t key_len = (size_t)(certificate - key), len = strlen(certificate);
    if (key_len >= sizeof out->key || len >= sizeof out->certificate ||
        !chain_fits(slice_make(certificate, len), slice_make(key, key_len)))
        return false;
    memcpy(out->key, key, key_len);
    out->key[key_len] = '\0';
    memcpy(out->certificate, certificate, len + 1);
    return true;
}

static void load_renewed(struct identity *out, const char *state_dir, char why[IDENTITY_WHY_MAX])
{
    char text[RENEWED_MAX];
    FD fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool read = fd >= 0 && read_file(text, sizeof text, fd, IDENTITY_RENEWED_FILE);
    if (!read && errno != ENOENT)
        tell(why, "%s/" IDENTITY_RENEWED_FILE ": %s: the certificate of the enrolment is used",
             state_dir, strerror(errno));
    if (read && !take_renewed(out, text))
        tell(why, "%s/" IDENTITY_RENEWED_FILE " is damaged: the certificate of the enrolment is used",
             state_dir);
    crypto_forget(text, sizeof text);
}

enum gh_err identity_load(struct identity *out, const struct config *config,
                          char why[IDENTITY_WHY_MAX])
{
    struct identity *read = malloc(sizeof *read);
    why[0] = '\0';
    if (!read) {
        tell(why, "out of memory");
        return GH_IO;
    }
    enum gh_err err = load_enrolled(read, config, why);
    if (!err) {
        load_renewed(read, config->state_dir, why);
        *out = *read;
    }
    crypto_forget(read, sizeof *read);
    free(read);
    return err;
}

/* --- writing ------------------------------------------------------------------------------- */

enum gh_err identity_renew(const struct identity *now, const char *state_dir,
                           const char *certificate, const char *key)
{
    char text[RENEWED_MAX];
    FD dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int len = snprintf(text, sizeof text, RENEWS "%s\n%s%s", now->enrolled, key, certificate);
    enum gh_err err = GH_IO;
    if (dir >= 0 && len > 0 && (size_t)len < sizeof text)
        err = whole_file_put(dir, IDENTITY_RENEWED_FILE, slice_make(text, (size_t)len), 0600, (uid_t)-1,
                             (gid_t)-1);
    crypto_forget(text, sizeof text);
    return err;
}

/* --- the folder ----------------------------------------------------------------------------- */

static const char *const file_names[] = {CONFIG_CA_FILE, CONFIG_CERT_FILE, CONFIG_KEY_FILE,
                                         CONFIG_POLICY_KEYS_FILE, CONFIG_COMMAND_KEYS_FILE};
#define FILES (sizeof file_names / sizeof file_names[0])

const char *identity_file_name(size_t i)
{
    return i < FILES ? file_names[i] : NULL;
}

/* With what we put there; if something else lies in it, it stays. */
static void remove_folder(const char *path)
{
    char next[64];
    FD dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    for (size_t i = 0; dir >= 0 && i < FILES; i++) {
        snprintf(next, sizeof next, "%s" WHOLE_FILE_NEXT, file_names[i]);
        (void)unlinkat(dir, next, 0);
        (void)unlinkat(dir, file_names[i], 0);
    }
    (void)rmdir(path);
}

/* The key is for whoever owns the state alone. */
static bool give_key(int dir, uid_t owner)
{
    FD fd = openat(dir, CONFIG_KEY_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && fchown(fd, owner, (gid_t)-1) == 0 && fsync(fd) == 0;
}

static bool fill_folder(int dir, const struct identity_files *files, const struct stat *state)
{
    const char *const text[FILES] = {files->ca, files->certificate, files->key, files->policy_keys,
                                     files->command_keys};
    /* Who is not root has no choice, and needs none. */
    bool is_root = geteuid() == 0;
    gid_t group = is_root ? state->st_gid : (gid_t)-1;
    for (size_t i = 0; i < FILES; i++) {
        mode_t mode = text[i] == files->key ? 0600 : 0640;
        if (text[i] && whole_file_put(dir, file_names[i], slice_of(text[i]), mode, (uid_t)-1, group) != GH_OK)
            return false;
    }
    return (!is_root || give_key(dir, state->st_uid)) && fchown(dir, (uid_t)-1, group) == 0 &&
           fchmod(dir, 0750) == 0 && fsync(dir) == 0;
}

/* Gives the folder beside its place the name; what had the name is beside then. */
static bool swap(const char *beside, const char *path)
{
    if (renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_NOREPLACE) == 0)
        return true;
    return errno == EEXIST && renameat2(AT_FDCWD, beside, AT_FDCWD, path, RENAME_EXCHANGE) == 0;
}

/* The folder above, open and ours alone: another enrolment is not to fill what we swap in. -1
 * with errno. */
static int lock_parent(const char *path)
{
    char parent[CONFIG_PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *end = strrchr(parent, '/');
    *(end == parent ? end + 1 : end) = '\0';
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        errno = EWOULDBLOCK;
        return -1;
    }
    return fd;
}

static bool store_beside(const struct identity_files *files, const char *path, const char *beside,
                         int parent, const struct stat *state, char why[IDENTITY_WHY_MAX])
{
    remove_folder(beside); /* of an enrolment that was cut off */
    if (mkdir(beside, 0700) != 0)
        return tell(why, "%s: %s", beside, strerror(errno));
    FD dir = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = dir >= 0 && fill_folder(dir, files, state) && fsync(parent) == 0 && swap(beside, path);
    if (!good)
        tell(why, "%s: %s", path, strerror(errno));
    else if (fsync(parent) != 0)
        good = tell(why, "%s: written, but not to the disk: %s", path, strerror(errno));
    remove_folder(beside);
    return good;
}

void identity_sweep(const struct config *config)
{
    char beside[CONFIG_PATH_MAX + sizeof BESIDE];
    snprintf(beside, sizeof beside, "%s" BESIDE, config->cloud_dir);
    remove_folder(beside);
}

bool identity_store(const struct identity_files *files, const struct config *config,
                    char why[IDENTITY_WHY_MAX])
{
    char beside[CONFIG_PATH_MAX + sizeof BESIDE];
    struct stat state;
    const char *path = config->cloud_dir;
    snprintf(beside, sizeof beside, "%s" BESIDE, path);
    if (stat(config->state_dir, &state) != 0)
        return tell(why, "%s: %s: start gatehoused once, it makes it", config->state_dir,
                    strerror(errno));
    FD parent = lock_parent(path);
    if (parent < 0)
        return tell(why, "%s: %s", path, errno == EWOULDBLOCK ? "another enrolment is at work there"
                                                              : strerror(errno));
    return store_beside(files, path, beside, parent, &state, why);
}
