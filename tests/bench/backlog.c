#include "bench/backlog.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "adapters/linux/boot.h"
#include "app/gatehoused/recorder.h"
#include "app/state.h"
#include "lib/wait.h"

#define EVENTS_MAX 10000000
#define BURST 4096 /* that may wait for the disk */

struct event backlog_event(uint64_t n, const struct id *reader, bool granted)
{
    struct event event = {.kind = EVENT_ACCESS,
                          .at = {{1000 + (int64_t)n}, {time(NULL), CLOCK_SYNCED}},
                          .has_decision = true,
                          .decision = granted ? DECISION_GRANTED : DECISION_DENIED};
    event.reader = event.door = *reader;
    snprintf(event.read_id.s, sizeof event.read_id.s, "read-%llu", (unsigned long long)n);
    return event;
}

void backlog_wait_durable(struct journal_db *db, const struct journal *j, uint64_t seq)
{
    while (j->ops->durable(j->self) < seq) {
        struct pollfd p = {.fd = journal_db_fd(db), .events = POLLIN};
        uint64_t count;
        if (poll(&p, 1, 100) == 1 && read(p.fd, &count, sizeof count) < 0)
            return;
    }
}

static bool write_events(struct journal_db *db, const struct crypto_keys *keys, int events)
{
    static struct recorder r;
    const struct id reader = {"r000"};
    struct journal j = journal_db_port(db);
    bool good = true;
    recorder_init(&r, j, keys->journal, journal_db_last_event(db));
    for (int i = 0; good && i < events; i++) {
        /* No two of a site's reads have the same id: the cloud counts them as doubled. */
        struct event event = backlog_event(j.ops->next_seq(j.self), &reader, true);
        good = recorder_append(&r, &event, NULL, (struct slice){0}) == GH_OK;
        if (i % BURST == 0)
            backlog_wait_durable(db, &j, event.seq);
    }
    return good;
}

static bool add_events(const struct play *p, int events)
{
    char why[200] = "";
    struct crypto_keys keys;
    struct journal_db *db = NULL;
    struct journal_db_options options = {.folder = p->site.state_dir,
                                         .max_events = EVENTS_MAX,
                                         .tail_bytes = STATE_TAIL_BYTES,
                                         .boot_id_hash = linux_boot_id_hash()};
    if (crypto_start() != GH_OK || state_keys_load(&keys, p->site.state_dir, 0) != GH_OK ||
        journal_db_open(&db, &options, why, sizeof why) != GH_OK) {
        lib_say("bench: the journal cannot be opened: %s", why);
        return false;
    }
    bool good = write_events(db, &keys, events);
    journal_db_close(db);
    return good;
}

bool backlog_make(struct play *p, int events, int64_t *newest)
{
    bool good = process_stop(&p->site.syncd) && site_stop_gatehoused(&p->site) &&
                add_events(p, events) && site_start_gatehoused(&p->site) && play_find_relays(p);
    *newest = good ? site_status_number(&p->site, "journal", "next_seq") - 1 : 0;
    return good;
}
