/* Reads that wait for their second factor: one at a reader, for some seconds.
 *
 * Kept in the ledger as w/READER: "waiting" or "done", the word of what is asked
 * for or of what came of it, "d" under duress or "-", type, bits, hash of the value in hex, instant at
 * which the wait ends, boot, and then, each "-" if there is none, read id,
 * latitude, longitude and accuracy. Instants are milliseconds of the boot.
 *
 * A read that is over is remembered beyond the next one that waits there, for its repeats:
 * v/READER/READ is what came of it, the reason, when its wait ended, boot. */
#ifndef GATEHOUSE_APP_GATEHOUSED_WAITS_H
#define GATEHOUSE_APP_GATEHOUSED_WAITS_H

#include "app/gatehoused/ledger.h"
#include "core/access.h"

#define WAITS_READERS 1024
#define WAITS_REMEMBERED_MS (10 * 60 * 1000) /* at least; repeats come within it */
#define WAIT_HASH_LEN 32

struct wait {
    struct id reader;
    bool is_over;       /* it was decided; kept for repeats of the read */
    enum decision decision; /* if it is over */
    enum reason reason; /* what it waits for, or why it was decided so */
    struct id read_id;  /* none if the read named none */
    enum credential_type type;
    int bits;
    unsigned char hash[WAIT_HASH_LEN]; /* of the value that is known, also under duress */
    bool is_duress;
    struct read_location location;
    struct mono ends;
    uint64_t order; /* set by waits_put: who came first */
};

struct waits {
    struct ledger *ledger; /* borrowed */
    uint64_t boot;
    struct wait *wait; /* owned */
    size_t n;
    uint64_t order; /* of the newest */
};

/* Takes over what the ledger has. What an earlier boot left waiting ends now. */
GH_MUST_CHECK enum gh_err waits_open(struct waits *out, struct ledger *ledger, uint64_t boot,
                                     struct mono now);
void waits_close(struct waits *waits);

/* The read that waits at this reader; NULL if none does. Borrowed until the next change. */
struct wait *waits_find(const struct waits *waits, const struct id *reader);

/* The read with this id, at this reader, that waits there or did: is_over, decision, reason
 * and ends are set in out. False if there is none, or nobody remembers it any more. */
bool waits_find_read(const struct waits *waits, const struct id *reader, const struct id *read_id,
                     struct wait *out);

/* Puts a read in its reader's place, which must be free or over; false: all places
 * are taken. The change waits in the ledger. */
bool waits_put(struct waits *waits, const struct wait *wait);

/* It has been decided; the change waits in the ledger. */
void waits_end(struct waits *waits, struct wait *wait, enum decision decision, enum reason reason);

/* The read whose time has run out first; NULL if there is none. */
struct wait *waits_expired(const struct waits *waits, struct mono now);
/* When waits_expired has something next; false = never. */
bool waits_deadline(const struct waits *waits, struct mono *out);

#endif
