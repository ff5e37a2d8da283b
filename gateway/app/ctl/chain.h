/* The hash chain of a journal, read from its first event to its newest: each event names the HMAC
 * of the one before, under a key that is not in the database. What was changed, taken out, put in
 * or moved does not fit; each such place is said on standard error, and counted. */
#ifndef GATEHOUSE_APP_CTL_CHAIN_H
#define GATEHOUSE_APP_CTL_CHAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/journal_db.h"

#define CHAIN_GAPS_MAX 1000

struct chain_gap {
    uint64_t from, to;
    bool is_told; /* an event says that these were lost */
};

struct chain {
    const struct crypto_keys *keys; /* borrowed */
    struct journal_reader *reader;  /* borrowed */
    uint64_t first, last, count, faults;
    uint64_t begin; /* where the events should begin, or begin again */
    uint64_t acked; /* by the cloud */
    bool is_anew;   /* the next event is the first, as far as is known */
    char head[SHA256_HEX + 1]; /* over the newest event so far */
    struct chain_gap gap[CHAIN_GAPS_MAX];
    size_t n_gaps;
};

/* Looks where the events begin. GH_IO, GH_CORRUPT, GH_RETRY. */
GH_MUST_CHECK enum gh_err chain_open(struct chain *c, const struct crypto_keys *keys,
                                     struct journal_reader *reader);
/* Reads on, at most so many events; *more: there may be more. The cap may take the oldest
 * events away in between. Errors as chain_open. */
GH_MUST_CHECK enum gh_err chain_read(struct chain *c, uint64_t events, bool *more);
/* When all was read: what is missing. */
void chain_close(struct chain *c);

__attribute__((format(printf, 2, 3))) void chain_fault(struct chain *c, const char *format, ...);

#endif
