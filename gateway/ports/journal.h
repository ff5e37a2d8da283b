/* The journal, as the shell needs it: append now, durable soon.
 *
 * An append is safe against a kill of the process when it returns; it is safe
 * against a power cut once durable() has reached its number. Beside the events
 * the journal keeps values by key: what decisions keep (core/changes.h). After
 * any kill or power cut an event and its changes are both there or neither, and
 * what is kept is what the changes say that were given up to some moment, in
 * their order: no change is there without all those before it. */
#ifndef GATEHOUSE_PORTS_JOURNAL_H
#define GATEHOUSE_PORTS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/access.h"
#include "core/changes.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/id.h"
#include "core/slice.h"

/* The first decision on a read, remembered so that a repeat is answered alike
 * (decision contract, freshness). Kept at least 10 minutes, over restarts. */
struct repeat {
    struct id reader;
    struct id read_id;
    struct id door; /* none if the reader is unknown */
    enum decision decision;
    enum reason reason;
    struct mono at;       /* when it was decided */
    int64_t release_ms;   /* how long the door was released for; 0 = not at all */
    bool answered;        /* the feedback went out */
    bool this_boot;       /* filled on find: mono times of it still count */
};

#define JOURNAL_STREAM_HEX 32

/* Numbers for status and upload. */
struct journal_counts {
    char stream[JOURNAL_STREAM_HEX + 1]; /* made at random with the journal */
    uint64_t first_seq;  /* oldest event kept; next_seq if none */
    uint64_t next_seq;
    uint64_t durable_seq;
    uint64_t acked_seq;  /* newest that the cloud has; 0 = none */
    uint64_t lost_total; /* events that went before the cloud had them */
};

struct journal_ops {
    /* The number that the next event gets; contiguous from 1 in a stream. */
    uint64_t (*next_seq)(void *self);

    /* Records event bytes (JSON with that seq, no newline, <= EVENT_JSON_MAX),
     * and with it, atomically, a repeat record if not NULL and a list of changes
     * (core/changes.h; length 0 = none). Borrows all. Never waits for a disk's
     * cache.
     * GH_FULL: neither file nor memory has room: the event is counted as lost,
     * its number is used up, and none of its changes is kept. GH_INVALID: seq is
     * not next_seq, or event or changes are not what they should be: nothing
     * has happened. */
    enum gh_err (*append)(void *self, uint64_t seq, struct slice event,
                          const struct repeat *repeat, struct slice changes);

    /* Keeps changes without an event (length 0: nothing to do). Borrows. Safe
     * against a kill when it returns, as an append; safe against a power cut
     * together with the next event, or by itself soon: it never waits and causes
     * no sync of its own at once. GH_FULL: neither file nor memory has room;
     * GH_INVALID: no list of changes: nothing is kept. */
    enum gh_err (*keep)(void *self, struct slice changes);

    /* Calls each for everything that is kept now, in no order, each key once,
     * whether a disk has it yet or not; each returns false to stop. Slices are
     * borrowed for that call, which must not call the journal. Meant to be
     * called once, right after opening: it reads everything. GH_OK also when
     * there is nothing. GH_IO: it could not be read; each may have been called
     * for some of it. */
    enum gh_err (*kept_each)(void *self,
                             bool (*each)(void *context, struct slice key, struct slice value),
                             void *context);

    /* Everything up to this number is safe against a power cut. */
    uint64_t (*durable)(void *self);

    /* True while what is appended can be made durable nowhere: the last try to
     * write the database failed, and the file that stands in for it is full or
     * fails as well. durable() may then stand still for ever. A disk that is only
     * slow is no failure. Tries go on every second, so it may end at any time. */
    bool (*is_failing)(void *self);

    /* Numbers for status and upload. */
    void (*counts)(void *self, struct journal_counts *out);

    /* The first decision on this read of this reader; GH_NOT_FOUND if it was
     * never seen or is forgotten. GH_IO: could not ask. */
    enum gh_err (*repeat_find)(void *self, const struct id *reader, const struct id *read_id,
                               struct repeat *out);

    /* Notes that a repeat's feedback went out; lazily, never waits. */
    void (*repeat_answered)(void *self, const struct id *reader, const struct id *read_id);
};

struct journal {
    const struct journal_ops *ops;
    void *self;
};

#endif
