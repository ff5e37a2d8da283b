#include "snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gz.h"
#include "store.h"

/* The same rows in the same order through the same compressor give the same
 * bytes, so that a file that was thrown away and made anew still fits a
 * download that was broken off. */
struct writer {
    int fd;
    struct text packed;
    struct gz gz;
};

static bool flush(struct writer *w)
{
    size_t done = 0;
    while (done < w->packed.len) {
        ssize_t n = write(w->fd, w->packed.at + done, w->packed.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    w->packed.len = 0;
    return true;
}

static bool write_row(void *context, const struct version *v)
{
    struct writer *w = context;
    gz_write(&w->gz, v->line.at, v->line.len);
    gz_write(&w->gz, "\n", 1);
    return !w->packed.failed && (w->packed.len < 1024 * 1024 || flush(w));
}

/* Fills an open file. */
static bool write_snapshot(struct cloud *cloud, const char *site, int64_t rev, int fd)
{
    struct writer w = {.fd = fd};
    gz_begin(&w.gz, &w.packed, true);
    bool done = store_policy(cloud->db, site, rev, write_row, &w) == STORE_OK;
    gz_end(&w.gz);
    done = done && !w.packed.failed && flush(&w) && fsync(fd) == 0;
    text_free(&w.packed);
    return done;
}

/* The rev in a file name "SITE.EPOCH.REV.gz"; -1 if it is not the site's. */
static long long rev_of_file(const char *name, const char *site)
{
    size_t site_len = strlen(site);
    long long rev;
    if (strncmp(name, site, site_len) != 0 || name[site_len] != '.')
        return -1;
    const char *epoch = name + site_len + 1;
    size_t epoch_len = strspn(epoch, "0123456789");
    if (epoch_len == 0 || epoch[epoch_len] != '.')
        return -1;
    const char *text = epoch + epoch_len + 1;
    size_t len = strspn(text, "0123456789");
    return parse_number(text, len, LLONG_MAX, &rev) && strcmp(text + len, ".gz") == 0 ? rev : -1;
}

/* Removes the oldest files of the site beyond SNAPSHOT_FILES. A download that
 * is under way keeps its open file. */
static void remove_old(const struct cloud *cloud, const char *site)
{
    for (;;) {
        DIR *dir = opendir(cloud->snapshot_dir);
        if (!dir)
            return;
        int files = 0;
        long long oldest = LLONG_MAX;
        char path[PATH_MAX];
        const struct dirent *entry;
        while ((entry = readdir(dir))) {
            long long rev = rev_of_file(entry->d_name, site);
            files += rev >= 0;
            if (rev >= 0 && rev < oldest) {
                oldest = rev;
                snprintf(path, sizeof path, "%s/%s", cloud->snapshot_dir, entry->d_name);
            }
        }
        closedir(dir);
        if (files <= SNAPSHOT_FILES || unlink(path) != 0)
            return;
    }
}

/* Opens the snapshot's file, making it first if need be. -1 on failure. */
static int open_snapshot(struct cloud *cloud, const char *site, int64_t epoch, int64_t rev)
{
    char path[PATH_MAX];
    char draft[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s/%s.%lld.%lld.gz", cloud->snapshot_dir, site,
                       (long long)epoch, (long long)rev);
    int draft_len = snprintf(draft, sizeof draft, "%s/draft", cloud->snapshot_dir);
    if (len < 0 || len >= PATH_MAX || draft_len < 0 || draft_len >= PATH_MAX)
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    fd = open(draft, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (!write_snapshot(cloud, site, rev, fd) || rename(draft, path) != 0) {
        close(fd);
        unlink(draft);
        return -1;
    }
    remove_old(cloud, site);
    return fd;
}

/* "bytes=FROM-", "bytes=FROM-LAST" or "bytes=-COUNT". What is not one of these
 * is ignored, as HTTP wants it. false: the range lies outside the file. */
static bool apply_range(struct answer *answer, const char *range)
{
    long long first = 0;
    long long last = answer->total - 1;
    if (!range || strncmp(range, "bytes=", 6) != 0)
        return true;
    range += 6;
    size_t first_len = strcspn(range, "-");
    if (range[first_len] != '-')
        return true;
    const char *end = range + first_len + 1;
    bool has_end = *end != '\0';
    if (first_len == 0) {
        long long count;
        if (!parse_number(end, strlen(end), LLONG_MAX, &count))
            return true;
        if (count == 0)
            return false;
        first = count < answer->total ? answer->total - count : 0;
    } else if (!parse_number(range, first_len, LLONG_MAX, &first) ||
               (has_end && !parse_number(end, strlen(end), LLONG_MAX, &last)) || last < first) {
        return has_end || first < answer->total;
    }
    if (first >= answer->total)
        return false;
    answer->status = 206;
    answer->from = first;
    answer->to = last < answer->total ? last + 1 : answer->total;
    return true;
}

static void send_file(struct cloud *cloud, const struct call *call, int fd, struct answer *answer)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        answer_failed(answer);
        close(fd);
        return;
    }
    answer->status = 200;
    answer->total = st.st_size;
    answer->from = 0;
    answer->to = st.st_size;
    /* A range of another version than the client has is no use to it. */
    const char *if_range = call_header(call, "If-Range");
    if ((!if_range || strcmp(if_range, answer->etag) == 0) &&
        !apply_range(answer, call_header(call, "Range"))) {
        close(fd);
        answer_error(answer, 416, "the range lies outside the snapshot");
        return;
    }
    answer->file = fd;
    answer->type = "application/x-ndjson";
    answer->gzip = true;
    int64_t cut_at = fault_take_value(&cloud->faults, FAULT_TRUNCATE_SNAPSHOT_AT);
    if (cut_at > 0)
        answer->cut_at = cut_at;
}

void snapshot_get(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    long long epoch = -1;
    long long rev = -1;
    struct site s;
    enum store_result result = store_site(cloud->db, site, &s);
    if (result == STORE_FAILED) {
        answer_failed(answer);
        return;
    }
    if (result == STORE_NONE ||
        !parse_number(call_arg(call, 1), strlen(call_arg(call, 1)), LLONG_MAX, &epoch) ||
        !parse_number(call_arg(call, 2), strlen(call_arg(call, 2)), LLONG_MAX, &rev) ||
        epoch != s.epoch || rev < s.floor || rev > s.rev || rev < 1) {
        answer_error(answer, 404, "there is no such snapshot (any more): ask for the checkpoint");
        return;
    }
    int fd = open_snapshot(cloud, site, epoch, rev);
    if (fd < 0) {
        fprintf(stderr, "snapshot: %s\n", strerror(errno));
        answer_failed(answer);
        return;
    }
    snprintf(answer->etag, sizeof answer->etag, "\"%lld.%lld\"", epoch, rev);
    send_file(cloud, call, fd, answer);
}
