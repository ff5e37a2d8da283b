/* The journal of `gatehousectl rehearse` on a disk: the functions of memory_journal.h on top of
 * journal_db, so that a restart in virtual time is one on journal.db and journal.tail. Linked in
 * place of the journal in memory, into build/offline_ctl.
 *
 * A restart is in turns one after an orderly close, and one of a copy of the files as a kill leaves
 * them, with the tail not taken over and the WAL not checkpointed. Events are read from the
 * database. Everything appended is waited for, so that it is durable at once as the rehearsal has
 * it. What fails here is a failure of the harness: it ends the program. */
#include "app/rehearsal/memory_journal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapters/sqlite/journal_db.h"

#define BOOT 1 /* the rehearsal's */
#define MAX_EVENTS 1000000
#define TAIL_BYTES (256 * 1024)
#define DURABLE_MS 20000
#define FOLDER_MAX 300

struct memory_journal {
    char folder[FOLDER_MAX];
    struct journal_db *db;
    struct journal port; /* of db */
    int starts;          /* of a controller on it */
    char **event;        /* those since the last forget, as read last; owned, n */
    size_t n, room;
    uint64_t forgotten; /* the newest of those that were */
};

static const char *const FILES[] = {"journal.db", "journal.db-wal", "journal.db-shm", "journal.tail"};

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "disk journal: %s: %s\n", what, strerror(errno));
    abort();
}

static void file_of(char out[FOLDER_MAX + 20], const char *folder, const char *file)
{
    snprintf(out, FOLDER_MAX + 20, "%s/%s", folder, file);
}

static void make_folder(char out[FOLDER_MAX])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, FOLDER_MAX, "%s/journal-XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (!mkdtemp(out))
        give_up("no folder");
}

static void remove_folder(const char *folder)
{
    char path[FOLDER_MAX + 20];
    for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
        file_of(path, folder, FILES[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void open_journal(struct memory_journal *j)
{
    char why[256] = "";
    const struct journal_db_options options = {
        .folder = j->folder, .max_events = MAX_EVENTS, .tail_bytes = TAIL_BYTES, .boot_id_hash = BOOT};
    if (journal_db_open(&j->db, &options, why, sizeof why) != GH_OK)
        give_up(why);
    j->port = journal_db_port(j->db);
}

static void copy_file(const char *from, const char *to, const char *file, bool must)
{
    char path[FOLDER_MAX + 20], buffer[65536];
    ssize_t n = 0;
    file_of(path, from, file);
    int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0 && !must)
        return;
    file_of(path, to, file);
    int out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    while (in >= 0 && out >= 0 && (n = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)n) != n)
            give_up("cannot copy the journal");
    if (in < 0 || out < 0 || n < 0)
        give_up("cannot copy the journal");
    close(in);
    close(out);
}

/* All but -shm, which is of no use after a kill. */
static void copy_folder(const char *from, const char *to)
{
    copy_file(from, to, "journal.db", true);
    copy_file(from, to, "journal.db-wal", false);
    copy_file(from, to, "journal.tail", true);
}

static uint64_t durable(void *self)
{
    struct memory_journal *j = self;
    uint64_t newest = j->port.ops->next_seq(j->port.self) - 1, seq;
    while ((seq = j->port.ops->durable(j->port.self)) < newest) {
        struct pollfd p = {journal_db_fd(j->db), POLLIN, 0};
        uint64_t count;
        if (poll(&p, 1, DURABLE_MS) != 1 || read(p.fd, &count, sizeof count) != sizeof count)
            give_up("an event does not become durable");
    }
    journal_db_settle(j->db); /* who reads or copies the files next finds it there, and nobody writing */
    return seq;
}

static void restart(struct memory_journal *j)
{
    char folder[FOLDER_MAX], old[FOLDER_MAX];
    durable(j);
    memcpy(old, j->folder, sizeof old);
    if (j->starts % 2 == 0) {
        journal_db_close(j->db);
    } else {
        make_folder(folder);
        copy_folder(j->folder, folder);
        journal_db_close(j->db);
        memcpy(j->folder, folder, sizeof folder);
        remove_folder(old);
    }
    open_journal(j);
}

/* --- the port ------------------------------------------------------------------------------ */

static uint64_t next_seq(void *self)
{
    const struct memory_journal *j = self;
    return j->port.ops->next_seq(j->port.self);
}

static enum gh_err append(void *self, uint64_t seq, struct slice event, const struct repeat *repeat,
                          struct slice changes)
{
    const struct memory_journal *j = self;
    return j->port.ops->append(j->port.self, seq, event, repeat, changes);
}

static enum gh_err keep(void *self, struct slice changes)
{
    const struct memory_journal *j = self;
    return j->port.ops->keep(j->port.self, changes);
}

static enum gh_err kept_each(void *self,
                             bool (*each)(void *context, struct slice key, struct slice value),
                             void *context)
{
    const struct memory_journal *j = self;
    return j->port.ops->kept_each(j->port.self, each, context);
}

static bool is_failing(void *self)
{
    const struct memory_journal *j = self;
    return j->port.ops->is_failing(j->port.self);
}

static void counts(void *self, struct journal_counts *out)
{
    const struct memory_journal *j = self;
    j->port.ops->counts(j->port.self, out);
}

static enum gh_err repeat_find(void *self, const struct id *reader, const struct id *read_id,
                               struct repeat *out)
{
    const struct memory_journal *j = self;
    return j->port.ops->repeat_find(j->port.self, reader, read_id, out);
}

static void repeat_answered(void *self, const struct id *reader, const struct id *read_id)
{
    const struct memory_journal *j = self;
    j->port.ops->repeat_answered(j->port.self, reader, read_id);
}

struct journal memory_journal_port(struct memory_journal *j)
{
    static const struct journal_ops ops = {
        .next_seq = next_seq,
        .append = append,
        .keep = keep,
        .kept_each = kept_each,
        .durable = durable,
        .is_failing = is_failing,
        .counts = counts,
        .repeat_find = repeat_find,
        .repeat_answered = repeat_answered,
    };
    if (j->starts++ > 0)
        restart(j);
    return (struct journal){&ops, j};
}

/* --- the rest of memory_journal.h ---------------------------------------------------------- */

struct memory_journal *memory_journal_open(void)
{
    struct memory_journal *j = calloc(1, sizeof *j);
    if (!j)
        give_up("no memory");
    make_folder(j->folder);
    open_journal(j);
    return j;
}

static void drop_events(struct memory_journal *j)
{
    for (size_t i = 0; i < j->n; i++)
        free(j->event[i]);
    j->n = 0;
}

static bool take_event(void *context, uint64_t seq, struct slice event)
{
    struct memory_journal *j = context;
    if (seq != j->forgotten + j->n + 1)
        give_up("a number is missing");
    if (j->n == j->room) {
        j->room = j->room ? 2 * j->room : 256;
        j->event = realloc(j->event, j->room * sizeof *j->event);
    }
    if (!j->event || !(j->event[j->n++] = strndup(event.ptr, event.len)))
        give_up("no memory");
    return true;
}

/* Takes in anew what the database has since the last forget. */
size_t memory_journal_count(const struct memory_journal *journal)
{
    struct memory_journal *j = NULL;
    struct journal_reader *reader;
    memcpy(&j, &journal, sizeof j); /* what is read is kept for memory_journal_event */
    uint64_t newest = durable(j);
    drop_events(j);
    if (journal_reader_open(&reader, j->folder) != GH_OK ||
        journal_reader_each(reader, j->forgotten, MAX_EVENTS, SIZE_MAX, take_event, j) != GH_OK ||
        j->forgotten + j->n != newest)
        give_up("the events cannot be read");
    journal_reader_close(reader);
    return j->n;
}

struct slice memory_journal_event(const struct memory_journal *j, size_t i)
{
    return slice_of(j->event[i]);
}

void memory_journal_forget(struct memory_journal *j)
{
    j->forgotten = durable(j);
    drop_events(j);
}

void memory_journal_close(struct memory_journal *j)
{
    if (!j)
        return;
    journal_db_close(j->db);
    remove_folder(j->folder);
    drop_events(j);
    free(j->event);
    free(j);
}
