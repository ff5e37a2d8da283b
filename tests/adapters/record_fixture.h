/* A fixed row of records of all kinds, for the tests of their bytes and of the file that
 * holds them. For cmocka programs. */
#ifndef TESTS_ADAPTERS_RECORD_FIXTURE_H
#define TESTS_ADAPTERS_RECORD_FIXTURE_H

#include "adapters/sqlite/journal_record.h"

static inline struct id make_id(const char *text)
{
    struct id id;
    assert_int_equal(GH_OK, id_set(&id, slice_of(text)));
    return id;
}

/* Record i. */
static inline struct record sample(uint64_t i)
{
    static const char *const events[3] = {"{\"seq\":1}", "{\"seq\":2,\"k\":\"open\"}", "x"};
    static const enum record_kind kinds[6] = {RECORD_EVENT, RECORD_EVENT_REPEAT, RECORD_ANSWERED,
                                              RECORD_KEEP, RECORD_EVENT_KEEP,
                                              RECORD_EVENT_REPEAT_KEEP};
    struct record r = {.number = i, .seq = i, .kind = kinds[i % 6]};
    r.event = r.changes = slice_of("");
    if (record_has(&r, RECORD_HAS_EVENT))
        r.event = slice_of(events[i % 3]);
    else
        r.seq = i - (i % 6 - 1); /* of the event before */
    if (record_has(&r, RECORD_HAS_CHANGES))
        r.changes = slice_make("\3use\2\0\1" "\2k2\0" "\1k\377", 14);
    if (r.kind == RECORD_ANSWERED)
        r.repeat = (struct record_repeat){.reader = make_id("r1"), .read_id = make_id("read-7")};
    if (record_has(&r, RECORD_HAS_REPEAT))
        r.repeat = (struct record_repeat){.reader = make_id("r1"),
                                          .read_id = make_id("read-7"),
                                          .door = i % 2 ? make_id("d1") : (struct id){""},
                                          .decision = "granted",
                                          .reason = "granted",
                                          .boot = UINT64_MAX - i,
                                          .at_ms = -5,
                                          .release_ms = 5000,
                                          .answered = i % 4 == 1};
    return r;
}

static inline bool same(const struct record *a, const struct record *b)
{
    return a->number == b->number && a->seq == b->seq && a->kind == b->kind &&
           slice_equal(a->event, b->event) && slice_equal(a->changes, b->changes) &&
           id_equal(&a->repeat.reader, &b->repeat.reader) &&
           id_equal(&a->repeat.read_id, &b->repeat.read_id) &&
           id_equal(&a->repeat.door, &b->repeat.door) &&
           strcmp(a->repeat.decision, b->repeat.decision) == 0 &&
           strcmp(a->repeat.reason, b->repeat.reason) == 0 && a->repeat.boot == b->repeat.boot &&
           a->repeat.at_ms == b->repeat.at_ms && a->repeat.release_ms == b->repeat.release_ms &&
           a->repeat.answered == b->repeat.answered;
}

#endif
