/* One record of journal.tail as bytes: an event, with the repeat record of its
 * read and the changes of what is kept where it has them; or without an event
 * the note that a repeat has been answered, or changes alone.
 *
 * All integers are little-endian. Offsets are in bytes from its beginning:
 *
 *    0  u32  length of the whole record, this field included
 *    4  u32  CRC-32C (Castagnoli, reflected, start and end ~0) over bytes 0-3,
 *            then bytes 8 to the end
 *    8  u64  number: one higher than that of the record before it
 *   16  u64  run: random, the same for all records of one opening of the journal
 *   24  u64  before: the run of the record before it
 *   32  u64  seq: the event's; without an event that of the newest event so far
 *   40  u32  kind, a sum: 1 event, 2 repeat, 4 answered, 8 changes; there are
 *            1, 3, 4, 8, 9 and 11
 *   44  u32  length of the event, 0 for kinds without one
 *   48       event bytes
 *   then, kinds with a repeat:
 *       u64  boot: tells boots apart
 *       i64  at, milliseconds since that boot
 *       i64  release, milliseconds; 0 = none
 *       u8   answered, 0 or 1
 *       five texts, each u8 length and that many bytes:
 *            reader, read id, door (may be empty), decision, reason
 *   or, kind 4:
 *       two texts: reader, read id
 *   then, kinds with changes:
 *       u32  their length, 1..CHANGES_MAX
 *            a list as in core/changes.h
 *
 * Versions that keep nothing know 1, 3 and 4 only; they refuse the journal.db of
 * a tail that has others. Decision and reason are the words of the decision
 * contract, so that numbers inside a program may change between versions. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_RECORD_H
#define GATEHOUSE_ADAPTERS_SQLITE_JOURNAL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/changes.h"
#include "core/err.h"
#include "core/event.h"
#include "core/id.h"
#include "core/slice.h"

#define RECORD_HEAD 48
#define RECORD_WORD_MAX 63
/* Head, event, numbers of a repeat, three ids and two words, changes. */
#define RECORD_MAX                                                                        \
    (RECORD_HEAD + EVENT_JSON_MAX + 25 + 3 * (1 + ID_MAX) + 2 * (1 + RECORD_WORD_MAX) + 4 + \
     CHANGES_MAX)

/* The first decision on a read, as stored. */
struct record_repeat {
    struct id reader, read_id;
    struct id door;
    char decision[RECORD_WORD_MAX + 1];
    char reason[RECORD_WORD_MAX + 1];
    uint64_t boot;
    int64_t at_ms;
    int64_t release_ms;
    bool answered;
};

/* Parts of which a kind is the sum. */
#define RECORD_HAS_EVENT 1u
#define RECORD_HAS_REPEAT 2u
#define RECORD_HAS_CHANGES 8u

enum record_kind {
    RECORD_EVENT = 1,
    RECORD_EVENT_REPEAT = 3,
    RECORD_ANSWERED = 4,
    RECORD_KEEP = 8,
    RECORD_EVENT_KEEP = 9,
    RECORD_EVENT_REPEAT_KEEP = 11,
};

struct record {
    uint64_t number, run, before, seq;
    enum record_kind kind;
    struct slice event;          /* borrowed; empty for kinds without one */
    struct slice changes;        /* borrowed; empty for kinds without them */
    struct record_repeat repeat; /* RECORD_ANSWERED: reader and read_id only */
};

static inline bool record_has(const struct record *r, unsigned part)
{
    return ((unsigned)r->kind & part) != 0;
}

/* Writes the record; returns its length. Event and changes must fit
 * EVENT_JSON_MAX and CHANGES_MAX. */
size_t record_encode(unsigned char out[RECORD_MAX], const struct record *r);

/* Reads the record at the beginning of bytes, which may go on behind it. *used
 * is its length; out borrows event and changes from bytes. GH_CORRUPT: no
 * valid record begins here. */
GH_MUST_CHECK enum gh_err record_decode(struct record *out, size_t *used, struct slice bytes);

/* CRC-32C of some bytes, going on from the CRC of those before them (0 at the
 * beginning). */
uint32_t record_crc(uint32_t crc, const unsigned char *bytes, size_t len);

/* Little-endian integers, for whoever shares the format. */
void record_put32(unsigned char *at, uint32_t value);
uint32_t record_get32(const unsigned char *at);
void record_put64(unsigned char *at, uint64_t value);
uint64_t record_get64(const unsigned char *at);

#endif
