/* The device's key file.
 *
 * Format: 64 hex digits and a newline: a secret of 32 random bytes. From it
 * come, so that no key is used for two purposes,
 *   value   = HMAC-SHA-256(secret, "gatehouse credential values 1")
 *   journal = HMAC-SHA-256(secret, "gatehouse journal chain 1")
 *
 * A new file is written and synced under a name of its own and then linked to
 * the real one, which fails if that exists: whoever comes first has made the
 * key, and nobody ever sees half of it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"

#define SECRET_LEN 32
#define KEY_FILE_LEN (2 * SECRET_LEN + 1)
#define KEY_FILE_MODE 0640

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}
#define CLOSES __attribute__((cleanup(close_fd)))

/* At most size bytes; -1 on failure. */
static ssize_t read_all(int fd, char *out, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t n = read(fd, out + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

static bool write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static enum gh_err secret_parse(unsigned char out[SECRET_LEN], const char *text, ssize_t len)
{
    size_t n = 0;
    if (len != KEY_FILE_LEN || text[KEY_FILE_LEN - 1] != '\n' ||
        sodium_hex2bin(out, SECRET_LEN, text, KEY_FILE_LEN - 1, NULL, &n, NULL) != 0 ||
        n != SECRET_LEN)
        return GH_CORRUPT;
    return GH_OK;
}

static enum gh_err secret_read(unsigned char out[SECRET_LEN], const char *path)
{
    /* Without O_NONBLOCK a pipe of that name would hold us up. */
    CLOSES int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    struct stat st;
    if (fstat(fd, &st) != 0)
        return GH_IO;
    if (!S_ISREG(st.st_mode))
        return GH_CORRUPT;
    if (st.st_mode & (S_IRWXO | S_IWGRP | S_IXGRP))
        return GH_INVALID;
    char text[KEY_FILE_LEN + 1]; /* one more, to see what is too long */
    ssize_t len = read_all(fd, text, sizeof text);
    enum gh_err err = len < 0 ? GH_IO : secret_parse(out, text, len);
    sodium_memzero(text, sizeof text);
    return err;
}

static enum gh_err sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len >= sizeof folder)
        return GH_IO;
    if (len > 0)
        memcpy(folder, path, len);
    folder[len] = '\0';
    const char *name = slash ? "/" : ".";
    CLOSES int fd = open(len > 0 ? folder : name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 && fsync(fd) == 0 ? GH_OK : GH_IO;
}

/* A whole, synced key file under a name that nobody else uses; none on failure. */
static enum gh_err key_file_write(const char *path)
{
    unsigned char secret[SECRET_LEN];
    char text[KEY_FILE_LEN + 1];
    CLOSES int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return GH_IO;
    randombytes_buf(secret, sizeof secret);
    (void)sodium_bin2hex(text, sizeof text, secret, sizeof secret);
    text[KEY_FILE_LEN - 1] = '\n';
    /* The mode must not depend on the umask: the other daemon reads it too. */
    bool good = write_all(fd, text, KEY_FILE_LEN) && fchmod(fd, KEY_FILE_MODE) == 0 &&
                fsync(fd) == 0;
    sodium_memzero(secret, sizeof secret);
    sodium_memzero(text, sizeof text);
    if (!good)
        (void)unlink(path);
    return good ? GH_OK : GH_IO;
}

/* GH_OK also when another made it first. */
static enum gh_err key_file_create(const char *path)
{
    char name[PATH_MAX];
    int n = snprintf(name, sizeof name, "%s.%08x.new", path, (unsigned)randombytes_random());
    if (n < 0 || n >= (int)sizeof name)
        return GH_IO;
    enum gh_err err = key_file_write(name);
    if (err)
        return err;
    if (link(name, path) != 0 && errno != EEXIST)
        err = GH_IO;
    (void)unlink(name);
    return err;
}

enum gh_err crypto_keys_load(struct crypto_keys *out, const char *path, int create)
{
    unsigned char secret[SECRET_LEN];
    enum gh_err err = secret_read(secret, path);
    if (err == GH_NOT_FOUND && create) {
        err = key_file_create(path);
        if (!err)
            err = secret_read(secret, path);
    }
    /* Also for a file that was there: who linked it may not have come to this,
     * and what we store under a key that a power cut takes away is lost. */
    if (!err && create)
        err = sync_folder_of(path);
    if (!err) {
        crypto_hmac(out->value, secret, slice_of("gatehouse credential values 1"));
        crypto_hmac(out->journal, secret, slice_of("gatehouse journal chain 1"));
    }
    sodium_memzero(secret, sizeof secret);
    return err;
}
