/* journal.tail: the file that takes every event before the database has it.
 *
 * A file of a fixed size, preallocated, so that it can be written when the
 * disk is full. The first 4096 bytes are its head, little-endian:
 *
 *    0  8 bytes  "GHTAIL\r\n"
 *    8  u32      format version, 2
 *   12  u32      where the first half begins, 4096
 *   16  32 bytes the stream of the journal, lower-case hex
 *   48  u64      length of a half; the second begins where the first ends
 *   56  u32      CRC-32C over bytes 0-55 (as in journal_record.h)
 *   60           zeros to 4096
 *
 * In each half records (journal_record.h) follow each other from its beginning
 * without space between them. When one half is full and all records of the
 * other are in journal.db for certain, writing goes on at the beginning of the
 * other; when all records of both are, at the beginning of the same. Old bytes
 * are written over, never erased.
 *
 * A reader takes from each half the records from its beginning for as long as
 * each is whole (length, CRC), its number is one higher than that of the record
 * before it, its `before` is the run of the record before it and its seq does
 * not go back; the first that is not so ends the half. The half whose first
 * record has the lower number comes first, and that record may have any number
 * and any `before`. The other half is taken if its first record goes on from
 * the last that was taken, or if journal.db has all that were given between:
 * its number is at most one above meta.kept_number. Else the power failed with
 * the end of the first half unwritten, and what lies behind that hole is nothing
 * that was synced. (Of a tail of version 1 it is always taken: the number in
 * journal.db may be too low.) Of the records taken in this order, an event counts, with
 * its repeat and its changes, if its seq is higher than that of every event
 * before it and than every number in journal.db (of an event or a loss). A
 * record without an event counts if its seq is not lower than those, and its
 * number is higher than meta.kept_number of journal.db. A seq that jumps says
 * that the events between are lost.
 *
 * Why no change is made twice, out of turn, or not at all:
 * - Records come to journal.db in the order of their numbers, so at any moment
 *   it has a beginning of that order. For a record with an event its seq says
 *   whether it belongs to that: an event and its changes are one transaction.
 * - Each transaction leaves the number of its last record in meta.kept_number.
 *   Those with a higher number are not there; all with that number or a lower
 *   one are, and whatever came later has been put over them.
 * - That this compares at all, a number that is given away is higher than
 *   meta.kept_number and than that of every record in the tail, also where the
 *   tail was lost. Numbers above kept_number may come again after such a loss;
 *   then no record that had them first is read any more.
 * - An `answered` makes no change that could be out of turn.
 * - An event that counts although its number is not above kept_number says that
 *   kept_number was not left by these records (somebody put an older tail or
 *   another database in place): then it is 0 from there on.
 *
 * Why nothing stale or torn is ever taken for an event:
 * - A torn record, or an old one overwritten in part, fails its CRC.
 * - An old record that is whole and happens to begin where the newest record
 *   ends was written either by the same run, in an earlier round: then its
 *   number is lower; or by an earlier run: then it has another run before it
 *   than the record that lies there now. Two records of one run never have the
 *   same number, but for one whose write failed, which the next overwrites.
 * - If a half begins with an old record (it is not in use, or the power failed
 *   before the new one was written out), the round of that record was in
 *   journal.db, synced, before anything was written over it: its seq is not
 *   higher than what is there. */
#ifndef GATEHOUSE_ADAPTERS_SQLITE_TAIL_H
#define GATEHOUSE_ADAPTERS_SQLITE_TAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/slice.h"
#include "journal_record.h"

#define TAIL_STREAM 32
#define TAIL_HEAD 4096
#define TAIL_HEAD_USED 60
#define TAIL_HALF_MAX (INT64_C(1) << 40)

struct tail;

/* Opens folder/journal.tail, or makes it (mode 0660, `bytes` long and allocated,
 * its name durable). It is locked against other processes. A file that is
 * damaged in its head or belongs to another stream is renamed to
 * journal.tail.damaged or journal.tail.STREAM (with -2, -3, ... if that exists)
 * and a new one is made; note then says so in one line, else it is "".
 * Returns owned in *out. GH_RETRY: another process has it; GH_FULL: no space
 * to make it; GH_INVALID: of a newer format; GH_IO. On failure note says why. */
GH_MUST_CHECK enum gh_err tail_open(struct tail **out, const char *folder,
                                    const char stream[TAIL_STREAM + 1], size_t bytes, uint64_t run,
                                    char *note, size_t note_size);
void tail_close(struct tail *t); /* NULL is allowed */

/* Calls each for the records of the tail in order, where journal.db has those up to `moved`; it returns false for one
 * that is not needed any more. If any is needed, all are written again in
 * place, byte for byte: an earlier process may have been told of a failed sync
 * that left them only in memory, and a record is found by those in front of it. Later records go behind the last one. GH_IO. */
GH_MUST_CHECK enum gh_err tail_replay(struct tail *t, uint64_t moved,
                                      bool (*each)(void *context, const struct record *r),
                                      void *context);

/* Calls each, as tail_replay does, for the records of the file of that path, which is only read: each
 * has to return false. GH_NOT_FOUND: no file; GH_CORRUPT, GH_INVALID: not a tail (of this
 * version); GH_IO. */
GH_MUST_CHECK enum gh_err tail_look(const char *path, uint64_t moved,
                                    bool (*each)(void *context, const struct record *r),
                                    void *context);

/* Writes the record behind the last one, with its number; run and before are
 * filled in. The number must be one higher than that of the last record, if
 * there is one in this round. Records up to the number `stored` are not needed
 * any more. GH_FULL: no room; GH_IO. On failure nothing counts as written. */
GH_MUST_CHECK enum gh_err tail_write(struct tail *t, const struct record *r, uint64_t stored);

/* Begins a new round: nothing that was written is needed any more. */
void tail_rewind(struct tail *t);

/* Number of the newest record in this round; 0 if there is none. */
uint64_t tail_newest(const struct tail *t);

/* True if the file has the size and the version that tail_open would give to a new one. */
bool tail_has_size(const struct tail *t, size_t bytes);
/* Makes the file anew in that size; nothing in it may be needed any more. On
 * failure (as tail_open) the old one stays in use. */
GH_MUST_CHECK enum gh_err tail_resize(struct tail *t, const char *folder,
                                      const char stream[TAIL_STREAM + 1], size_t bytes);

/* Waits until what was written before the call is on the disk. The only call
 * that another thread may make at the same time as the others. GH_IO: and
 * nothing written before it may be taken as safe, even if a later call
 * succeeds: the system reports a failure only once. */
GH_MUST_CHECK enum gh_err tail_sync(struct tail *t);

/* The head of a tail. GH_CORRUPT: not one; GH_INVALID: of another version. */
struct tail_head {
    char stream[TAIL_STREAM + 1];
    uint64_t half;
    bool is_old; /* of version 1 */
};
GH_MUST_CHECK enum gh_err tail_head_decode(struct tail_head *out, struct slice bytes);

/* True if b may follow a in a tail. */
bool tail_follows(const struct record *a, const struct record *b);

#endif
