#include "tail.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db.h"

#define TAIL_VERSION 2
#define TAIL_VERSION_OLD 1 /* of a time when the database did not say which record it has */

static const char tail_magic[8] = {'G', 'H', 'T', 'A', 'I', 'L', '\r', '\n'};

/* Where records may lie, and the newest that does. */
struct half {
    off_t start, end;
    uint64_t newest; /* number of its newest record in this round; 0 = none */
};

struct tail {
    int fd;
    struct half half[2];
    int in_use;      /* the half that is written */
    off_t place;     /* where the next record goes */
    uint64_t run;    /* of this opening */
    uint64_t before; /* run of the newest record */
    bool is_old;     /* TAIL_VERSION_OLD */
};

static uint64_t half_of(size_t bytes)
{
    size_t half = (bytes - TAIL_HEAD) / 2;
    return half - half % TAIL_HEAD; /* no page belongs to both */
}

static void head_encode(unsigned char out[TAIL_HEAD], const char *stream, uint64_t half)
{
    memset(out, 0, TAIL_HEAD);
    memcpy(out, tail_magic, sizeof tail_magic);
    record_put32(out + 8, TAIL_VERSION);
    record_put32(out + 12, TAIL_HEAD);
    memcpy(out + 16, stream, TAIL_STREAM);
    record_put64(out + 48, half);
    record_put32(out + 56, record_crc(0, out, 56));
}

enum gh_err tail_head_decode(struct tail_head *out, struct slice bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    struct tail_head head;
    if (bytes.len < TAIL_HEAD_USED || memcmp(at, tail_magic, sizeof tail_magic) != 0 ||
        record_get32(at + 56) != record_crc(0, at, 56))
        return GH_CORRUPT;
    uint32_t version = record_get32(at + 8);
    if ((version != TAIL_VERSION && version != TAIL_VERSION_OLD) || record_get32(at + 12) != TAIL_HEAD)
        return GH_INVALID;
    head.is_old = version == TAIL_VERSION_OLD;
    for (int i = 0; i < TAIL_STREAM; i++)
        if (!memchr("0123456789abcdef", at[16 + i], 16))
            return GH_CORRUPT;
    memcpy(head.stream, at + 16, TAIL_STREAM);
    head.stream[TAIL_STREAM] = '\0';
    head.half = record_get64(at + 48);
    if (head.half < RECORD_MAX || head.half > TAIL_HALF_MAX)
        return GH_CORRUPT;
    *out = head;
    return GH_OK;
}

bool tail_follows(const struct record *a, const struct record *b)
{
    /* A seq never goes back, and only an event has a new one. */
    bool seq_ok = record_has(b, RECORD_HAS_EVENT) ? b->seq > a->seq : b->seq >= a->seq;
    return b->number == a->number + 1 && b->before == a->run && seq_ok;
}

/* All of the bytes or an error: a short write may be the disk's last room. */
static enum gh_err write_all(int fd, const void *bytes, size_t len, off_t at)
{
    const char *from = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, from, len, at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 && (errno == ENOSPC || errno == EDQUOT) ? GH_FULL : GH_IO;
        from += n;
        at += n;
        len -= (size_t)n;
    }
    return GH_OK;
}

/* As many of the bytes as there are. */
static enum gh_err read_some(int fd, void *bytes, size_t size, off_t at, size_t *len)
{
    size_t have = 0;
    while (have < size) {
        ssize_t n = pread(fd, (char *)bytes + have, size - have, at + (off_t)have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return GH_IO;
        if (n == 0)
            break;
        have += (size_t)n;
    }
    *len = have;
    return GH_OK;
}

static enum gh_err allocate(int fd, off_t bytes)
{
    int code;
    do {
        code = posix_fallocate(fd, 0, bytes);
    } while (code == EINTR);
    if (code == 0)
        return GH_OK;
    return code == ENOSPC || code == EDQUOT || code == EFBIG ? GH_FULL : GH_IO;
}

/* Only a file that is complete gets the name journal.tail. */
static enum gh_err tail_create(const char *path, const char *stream, size_t bytes)
{
    char fresh[PATH_MAX];
    unsigned char head[TAIL_HEAD];
    int n = snprintf(fresh, sizeof fresh, "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof fresh)
        return GH_IO;
    int fd = open(fresh, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0660);
    if (fd < 0)
        return errno == ENOSPC ? GH_FULL : GH_IO;

    head_encode(head, stream, half_of(bytes));
    enum gh_err err = fchmod(fd, 0660) == 0 ? GH_OK : GH_IO;
    if (err == GH_OK)
        err = allocate(fd, (off_t)bytes);
    if (err == GH_OK)
        err = write_all(fd, head, sizeof head, 0);
    if (err == GH_OK && fsync(fd) != 0)
        err = GH_IO;
    if (close(fd) != 0 && err == GH_OK)
        err = GH_IO;
    if (err == GH_OK && rename(fresh, path) != 0)
        err = GH_IO;
    if (err != GH_OK) {
        (void)unlink(fresh);
        return err;
    }
    return db_sync_folder_of(path);
}

/* Renames the file to a name that is free. */
static enum gh_err set_aside(const char *path, const char *suffix, const char *reason, char *note,
                             size_t note_size)
{
    char aside[PATH_MAX];
    for (int i = 1; i < 1000; i++) {
        int n = i == 1 ? snprintf(aside, sizeof aside, "%s.%s", path, suffix)
                       : snprintf(aside, sizeof aside, "%s.%s-%d", path, suffix, i);
        if (n < 0 || (size_t)n >= sizeof aside)
            return GH_IO;
        if (renameat2(AT_FDCWD, path, AT_FDCWD, aside, RENAME_NOREPLACE) == 0) {
            (void)snprintf(note, note_size, "journal.tail %s: kept as %s", reason,
                           strrchr(aside, '/') + 1);
            return db_sync_folder_of(path);
        }
        if (errno != EEXIST)
            return GH_IO;
    }
    return GH_IO;
}

/* Opens and locks the file of that name. GH_NOT_FOUND: there is none. */
static enum gh_err open_locked(int *out, const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    struct stat ours, named;
    enum gh_err err = GH_OK;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        err = errno == EWOULDBLOCK ? GH_RETRY : GH_IO;
    else if (fstat(fd, &ours) != 0 || stat(path, &named) != 0)
        err = GH_IO;
    else if (ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)
        err = GH_RETRY; /* somebody put another file in its place just now */
    if (err != GH_OK) {
        (void)close(fd);
        return err;
    }
    *out = fd;
    return GH_OK;
}

/* Sets the halves; a file that was cut short is made whole if there is room. */
static enum gh_err lay_out(struct tail *t, const struct tail_head *head)
{
    struct stat st;
    off_t half = (off_t)head->half, size = TAIL_HEAD + 2 * half;
    t->is_old = head->is_old;
    if (fstat(t->fd, &st) != 0)
        return GH_IO;
    if (st.st_size < size && allocate(t->fd, size) != GH_OK)
        size = st.st_size;
    for (int i = 0; i < 2; i++) {
        off_t start = TAIL_HEAD + i * half, end = start + half;
        t->half[i] = (struct half){.start = start, .end = end < size ? end : size};
    }
    t->in_use = 0;
    t->place = TAIL_HEAD;
    return GH_OK;
}

/* Opens the file if it is this stream's. GH_NOT_FOUND: there is none, or none
 * any more. */
static enum gh_err open_ours(struct tail *t, const char *path, const char *stream, char *note,
                             size_t note_size)
{
    int fd = -1;
    unsigned char bytes[TAIL_HEAD_USED];
    struct tail_head head;
    size_t len = 0;
    enum gh_err err = open_locked(&fd, path);
    if (err != GH_OK)
        return err;
    err = read_some(fd, bytes, sizeof bytes, 0, &len);
    if (err == GH_OK)
        err = tail_head_decode(&head, slice_make(bytes, len));
    if (err == GH_OK && memcmp(head.stream, stream, TAIL_STREAM) == 0) {
        t->fd = fd;
        return lay_out(t, &head);
    }
    if (err == GH_OK)
        err = set_aside(path, head.stream, "belongs to another journal.db", note, note_size);
    else if (err == GH_CORRUPT)
        err = set_aside(path, "damaged", "is damaged", note, note_size);
    (void)close(fd);
    return err == GH_OK ? GH_NOT_FOUND : err;
}

static enum gh_err open_or_create(struct tail *t, const char *path, const char *stream,
                                  size_t bytes, char *note, size_t note_size)
{
    enum gh_err err = open_ours(t, path, stream, note, note_size);
    if (err == GH_NOT_FOUND) {
        err = tail_create(path, stream, bytes);
        if (err == GH_OK)
            err = open_ours(t, path, stream, note, note_size);
    }
    return err == GH_NOT_FOUND ? GH_IO : err;
}

static const char *why_not(enum gh_err err)
{
    switch (err) {
    case GH_RETRY: return "another process has it open; stop that one first";
    case GH_FULL: return "not enough space for it; free some";
    case GH_INVALID: return "a newer version made it; use that one, or move the file away";
    case GH_OK:
    case GH_NOT_FOUND:
    case GH_CORRUPT:
    case GH_IO: break;
    }
    return "cannot be opened or made; check the disk and the folder's permissions";
}

static enum gh_err path_of(char out[PATH_MAX], const char *folder)
{
    int n = snprintf(out, PATH_MAX, "%s/journal.tail", folder);
    return n > 0 && n < PATH_MAX ? GH_OK : GH_IO;
}

enum gh_err tail_open(struct tail **out, const char *folder, const char stream[TAIL_STREAM + 1],
                      size_t bytes, uint64_t run, char *note, size_t note_size)
{
    char path[PATH_MAX];
    note[0] = '\0';
    struct tail *t = calloc(1, sizeof *t);
    if (!t)
        return GH_IO;
    t->fd = -1;
    t->run = run;
    enum gh_err err = path_of(path, folder);
    if (err == GH_OK)
        err = open_or_create(t, path, stream, bytes, note, note_size);
    if (err != GH_OK) {
        (void)snprintf(note, note_size, "%s/journal.tail: %s", folder, why_not(err));
        tail_close(t);
        return err;
    }
    *out = t;
    return GH_OK;
}

bool tail_has_size(const struct tail *t, size_t bytes)
{
    return t->half[1].end - t->half[0].start == 2 * (off_t)half_of(bytes) && !t->is_old;
}

enum gh_err tail_resize(struct tail *t, const char *folder, const char stream[TAIL_STREAM + 1],
                        size_t bytes)
{
    char path[PATH_MAX], note[1];
    struct tail fresh = {.fd = -1, .run = t->run};
    enum gh_err err = path_of(path, folder);
    if (err == GH_OK)
        err = tail_create(path, stream, bytes);
    if (err == GH_OK)
        err = open_ours(&fresh, path, stream, note, sizeof note);
    if (err != GH_OK)
        return err == GH_NOT_FOUND ? GH_IO : err;
    (void)close(t->fd);
    *t = fresh;
    return GH_OK;
}

void tail_close(struct tail *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        (void)close(t->fd);
    free(t);
}

/* Most records are no longer than this. */
#define WALK_BYTES 2048

/* Walks over the records of a half. */
struct walk {
    off_t place;
    size_t used;
    unsigned char bytes[RECORD_MAX];
    struct record r; /* borrows from bytes */
};

/* Goes to the next record; GH_NOT_FOUND at the end of the half. */
static enum gh_err walk_next(const struct tail *t, const struct half *half, struct walk *w)
{
    struct record last = w->r;
    bool is_first = w->used == 0;
    size_t len = 0, want = RECORD_MAX;
    off_t place = is_first ? half->start : w->place + (off_t)w->used;
    if (place >= half->end)
        return GH_NOT_FOUND;
    if (half->end - place < (off_t)want)
        want = (size_t)(half->end - place);
    size_t first = want < WALK_BYTES ? want : WALK_BYTES;
    enum gh_err err = read_some(t->fd, w->bytes, first, place, &len);
    if (err == GH_OK && len >= RECORD_HEAD && record_get32(w->bytes) > len)
        err = read_some(t->fd, w->bytes, want, place, &len);
    if (err != GH_OK)
        return err;
    w->place = place;
    if (record_decode(&w->r, &w->used, slice_make(w->bytes, len)) != GH_OK)
        return GH_NOT_FOUND;
    return is_first || tail_follows(&last, &w->r) ? GH_OK : GH_NOT_FOUND;
}

/* The number with which the half begins; GH_NOT_FOUND if it is empty. */
static enum gh_err first_number(const struct tail *t, const struct half *half, uint64_t *number)
{
    struct walk w = {.used = 0};
    enum gh_err err = walk_next(t, half, &w);
    if (err == GH_OK)
        *number = w.r.number;
    return err;
}

/* Writes the bytes from..to of the file again, as they are. */
static enum gh_err rewrite(const struct tail *t, off_t from, off_t to)
{
    unsigned char bytes[TAIL_HEAD];
    while (from < to) {
        size_t len = 0, want = to - from < (off_t)sizeof bytes ? (size_t)(to - from) : sizeof bytes;
        enum gh_err err = read_some(t->fd, bytes, want, from, &len);
        if (err == GH_OK && len > 0)
            err = write_all(t->fd, bytes, len, from);
        if (err != GH_OK || len == 0)
            return GH_IO;
        from += (off_t)len;
    }
    return GH_OK;
}

/* Whether nothing is missing between what was taken and this record, the first of its half. */
static bool goes_on(const struct tail *t, const struct record *first, uint64_t moved)
{
    return t->is_old || tail_newest(t) == 0 || first->number <= moved + 1 ||
           (first->number == tail_newest(t) + 1 && first->before == t->before);
}

static enum gh_err replay_half(struct tail *t, int i, uint64_t moved, off_t *end, bool *needed,
                               bool (*each)(void *context, const struct record *r), void *context)
{
    struct walk w = {.used = 0};
    enum gh_err err;
    while ((err = walk_next(t, &t->half[i], &w)) == GH_OK) {
        if (w.place == t->half[i].start && !goes_on(t, &w.r, moved))
            break;
        *needed |= each(context, &w.r);
        t->half[i].newest = w.r.number;
        t->before = w.r.run;
        t->in_use = i;
        t->place = *end = w.place + (off_t)w.used;
    }
    return err == GH_NOT_FOUND ? GH_OK : err;
}

enum gh_err tail_replay(struct tail *t, uint64_t moved,
                        bool (*each)(void *context, const struct record *r), void *context)
{
    uint64_t number[2] = {0, 0};
    off_t end[2] = {0, 0};
    bool needed = false;
    for (int i = 0; i < 2; i++) {
        enum gh_err err = first_number(t, &t->half[i], &number[i]);
        if (err != GH_OK && err != GH_NOT_FOUND)
            return err;
    }
    int older = number[1] < number[0] ? 1 : 0;
    enum gh_err err = replay_half(t, older, moved, &end[older], &needed, each, context);
    if (err == GH_OK)
        err = replay_half(t, 1 - older, moved, &end[1 - older], &needed, each, context);
    /* Those in front of one that is needed are its way. */
    for (int i = 0; i < 2 && needed && err == GH_OK; i++)
        err = rewrite(t, t->half[i].start, end[i]);
    return err;
}

enum gh_err tail_look(const char *path, uint64_t moved,
                      bool (*each)(void *context, const struct record *r), void *context)
{
    unsigned char bytes[TAIL_HEAD_USED];
    struct tail_head head;
    struct tail t = {.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
    size_t len = 0;
    if (t.fd < 0)
        return errno == ENOENT ? GH_NOT_FOUND : GH_IO;
    enum gh_err err = read_some(t.fd, bytes, sizeof bytes, 0, &len);
    if (err == GH_OK)
        err = tail_head_decode(&head, slice_make(bytes, len));
    if (err == GH_OK)
        err = lay_out(&t, &head);
    if (err == GH_OK)
        err = tail_replay(&t, moved, each, context);
    (void)close(t.fd);
    return err;
}

/* Finds the place for a record of that length. */
static bool find_room(const struct tail *t, size_t len, uint64_t stored, int *in_use, off_t *place)
{
    int other = 1 - t->in_use;
    const struct half *half = &t->half[t->in_use];
    if (t->place + (off_t)len <= half->end) {
        *in_use = t->in_use;
        *place = t->place;
        return true;
    }
    half = &t->half[other];
    if (half->newest > stored || half->start + (off_t)len > half->end)
        return false;
    *in_use = other;
    *place = half->start;
    return true;
}

enum gh_err tail_write(struct tail *t, const struct record *r, uint64_t stored)
{
    assert(tail_newest(t) == 0 || r->number == tail_newest(t) + 1);
    unsigned char bytes[RECORD_MAX];
    struct record whole = *r;
    int in_use = 0;
    off_t place = 0;
    whole.run = t->run;
    whole.before = t->before;
    size_t len = record_encode(bytes, &whole);
    if (!find_room(t, len, stored, &in_use, &place))
        return GH_FULL;
    if (write_all(t->fd, bytes, len, place) != GH_OK)
        return GH_IO;
    t->in_use = in_use;
    t->place = place + (off_t)len;
    t->before = t->run;
    t->half[in_use].newest = r->number;
    return GH_OK;
}

void tail_rewind(struct tail *t)
{
    /* `before` stays: the first record of a round may have any. */
    t->place = t->half[t->in_use].start;
    t->half[0].newest = 0;
    t->half[1].newest = 0;
}

uint64_t tail_newest(const struct tail *t)
{
    uint64_t a = t->half[0].newest, b = t->half[1].newest;
    return a > b ? a : b;
}

enum gh_err tail_sync(struct tail *t)
{
    return fdatasync(t->fd) == 0 ? GH_OK : GH_IO;
}
