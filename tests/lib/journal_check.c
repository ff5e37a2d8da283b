#include "lib/journal_check.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "lib/wait.h"

struct journal_db *journal_check_open(const char *folder, uint64_t max_events, uint64_t boot)
{
    struct journal_db_options options = {folder, max_events, JOURNAL_CHECK_TAIL, boot, {NULL, NULL}};
    struct journal_db *db = NULL;
    char why[256];
    if (journal_db_open(&db, &options, why, sizeof why) == GH_OK)
        return db;
    lib_say("%s", why);
    return NULL;
}

struct slice journal_check_event(char out[EVENT_JSON_MAX], uint64_t seq, unsigned spread)
{
    size_t pad = spread ? (size_t)(seq * 2654435761u % (spread + 1)) : 0;
    int n = snprintf(out, EVENT_JSON_MAX, "{\"seq\":%10" PRIu64 ",\"pad\":\"", seq);
    size_t len = (size_t)n;
    for (size_t i = 0; i < pad; i++)
        out[len++] = (char)('a' + (seq + i) % 26);
    out[len++] = '"';
    out[len++] = '}';
    return slice_make(out, len);
}

enum gh_err journal_check_append(struct journal_db *db, unsigned spread,
                                 const struct repeat *repeat)
{
    char bytes[EVENT_JSON_MAX];
    struct journal port = journal_db_port(db);
    uint64_t seq = port.ops->next_seq(port.self);
    return port.ops->append(port.self, seq, journal_check_event(bytes, seq, spread), repeat,
                            slice_of(""));
}

/* --- what is kept ------------------------------------------------------- */

#define COUNTERS 7
#define PERIOD 35 /* events after which each counter has been touched */

static struct slice counter_key(char out[8], uint64_t i)
{
    int n = snprintf(out, 8, "k%d", (int)(i % COUNTERS));
    return slice_make(out, (size_t)n);
}

static bool kept_put(struct changes *c, struct slice key, uint64_t value)
{
    return changes_add(c, key, slice_make(&value, sizeof value)) == GH_OK;
}

/* Every fifth event also forgets a counter. */
static bool kept_changes(struct changes *c, uint64_t seq)
{
    char key[8];
    c->len = 0;
    return kept_put(c, slice_of("count"), seq) && kept_put(c, counter_key(key, seq), seq) &&
           (seq % 5 != 0 || changes_add(c, counter_key(key, seq + 3), (struct slice){0}) == GH_OK);
}

enum gh_err journal_check_append_kept(struct journal_db *db, unsigned spread, bool note)
{
    char bytes[EVENT_JSON_MAX];
    struct changes c;
    struct journal port = journal_db_port(db);
    uint64_t seq = port.ops->next_seq(port.self);
    if (!kept_changes(&c, seq))
        return GH_FULL;
    enum gh_err err = port.ops->append(port.self, seq, journal_check_event(bytes, seq, spread),
                                       NULL, changes_slice(&c));
    c.len = 0;
    if (err == GH_OK && note)
        err = kept_put(&c, slice_of("note"), seq) ? port.ops->keep(port.self, changes_slice(&c))
                                                  : GH_FULL;
    return err;
}

struct kept_seen {
    uint64_t count, note, counter[COUNTERS];
    bool ok;
};

static bool see_kept(void *context, struct slice key, struct slice value)
{
    struct kept_seen *seen = context;
    uint64_t *to = NULL;
    if (slice_is(key, "count"))
        to = &seen->count;
    else if (slice_is(key, "note"))
        to = &seen->note;
    else if (key.len == 2 && key.ptr[0] == 'k' && key.ptr[1] >= '0' &&
             key.ptr[1] < '0' + COUNTERS)
        to = &seen->counter[key.ptr[1] - '0'];
    if (!to || *to != 0 || value.len != sizeof *to) {
        lib_say("kept: a key or value that nobody gave, or one twice");
        seen->ok = false;
        return false;
    }
    memcpy(to, value.ptr, sizeof *to);
    return true;
}

bool journal_check_kept(struct journal_db *db, uint64_t newest, uint64_t note_min)
{
    struct kept_seen seen = {.ok = true}, expected = {.count = newest};
    struct journal port = journal_db_port(db);
    for (uint64_t n = newest > 2 * PERIOD ? newest - 2 * PERIOD : 1; n <= newest; n++) {
        expected.counter[n % COUNTERS] = n;
        if (n % 5 == 0)
            expected.counter[(n + 3) % COUNTERS] = 0;
    }
    if (port.ops->kept_each(port.self, see_kept, &seen) != GH_OK || !seen.ok)
        return false;
    if (seen.count != newest || seen.note < note_min || seen.note > newest)
        lib_say("kept: count %" PRIu64 ", note %" PRIu64 " where the newest event is %" PRIu64
                " and the note at least %" PRIu64, seen.count, seen.note, newest, note_min);
    else if (memcmp(seen.counter, expected.counter, sizeof seen.counter) != 0)
        lib_say("kept: the counters are not those of event %" PRIu64, newest);
    else
        return true;
    return false;
}

/* --- events in the database --------------------------------------------- */

struct check {
    uint64_t expected, except, except_to;
    unsigned spread;
    bool ok;
};

static bool check_event(void *context, uint64_t seq, struct slice event)
{
    struct check *check = context;
    char bytes[EVENT_JSON_MAX];
    if (check->except && check->expected == check->except)
        check->expected = check->except_to + 1;
    if (seq != check->expected) {
        lib_say("event %" PRIu64 " where %" PRIu64 " was expected", seq, check->expected);
        check->ok = false;
    } else if (!slice_equal(event, journal_check_event(bytes, seq, check->spread))) {
        lib_say("event %" PRIu64 " has other bytes than those appended", seq);
        check->ok = false;
    }
    check->expected++;
    return check->ok;
}

bool journal_check_holds(const char *folder, uint64_t from, uint64_t to, unsigned spread,
                         uint64_t except, uint64_t except_to)
{
    struct journal_reader *reader = NULL;
    struct check check = {from, except, except_to, spread, true};
    enum gh_err err = journal_reader_open(&reader, folder);
    if (err == GH_OK)
        err = journal_reader_each(reader, 0, UINT64_MAX, SIZE_MAX, check_event, &check);
    journal_reader_close(reader);
    if (err != GH_OK) {
        lib_say("the journal cannot be read: %s", gh_err_name(err));
        return false;
    }
    if (check.ok && check.expected != to + 1)
        lib_say("events end at %" PRIu64 ", not %" PRIu64, check.expected - 1, to);
    return check.ok && check.expected == to + 1;
}

static bool note_newest(void *context, uint64_t seq, struct slice event)
{
    (void)event;
    *(uint64_t *)context = seq;
    return true;
}

uint64_t journal_check_newest(const char *folder)
{
    struct journal_reader *reader = NULL;
    uint64_t newest = 0;
    enum gh_err err = journal_reader_open(&reader, folder);
    if (err == GH_OK)
        err = journal_reader_each(reader, 0, UINT64_MAX, SIZE_MAX, note_newest, &newest);
    journal_reader_close(reader);
    return err == GH_OK ? newest : 0;
}

/* Waits for the journal to have news; false when the bound is over. */
static bool wait_news(struct journal_db *db, int64_t end_ns)
{
    int64_t left_ms = (end_ns - wait_now_ns()) / 1000000;
    struct pollfd p = {.fd = journal_db_fd(db), .events = POLLIN};
    eventfd_t ignored;
    if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
        return false;
    return eventfd_read(p.fd, &ignored) == 0;
}

bool journal_check_durable(struct journal_db *db, uint64_t seq)
{
    struct journal port = journal_db_port(db);
    int64_t end_ns = wait_now_ns() + (int64_t)WAIT_MS * 1000000;
    while (port.ops->durable(port.self) < seq)
        if (!wait_news(db, end_ns)) {
            lib_say("%" PRIu64 " did not become durable", seq);
            return false;
        }
    return true;
}

bool journal_check_stored(struct journal_db *db, uint64_t seq)
{
    if (!journal_check_durable(db, seq))
        return false;
    journal_db_settle(db);
    return true;
}

bool journal_check_trouble(struct journal_db *db, struct journal_trouble *out)
{
    int64_t end_ns = wait_now_ns() + (int64_t)WAIT_MS * 1000000;
    while (!journal_db_trouble(db, out))
        if (!wait_news(db, end_ns)) {
            lib_say("no trouble was reported");
            return false;
        }
    return true;
}
