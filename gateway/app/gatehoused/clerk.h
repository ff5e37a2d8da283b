/* The clerk: answers the control socket's long questions on threads of its
 * own, with read-only connections, so that no question holds up a door. */
#ifndef GATEHOUSE_APP_GATEHOUSED_CLERK_H
#define GATEHOUSE_APP_GATEHOUSED_CLERK_H

#include "adapters/json/json.h"
#include "core/err.h"
#include "ports/journal.h"

/* Questions that may be answered at a time. */
#define CLERK_DESKS 8
/* Desks that only a batch may take: who looks on never keeps events from the
 * cloud. */
#define CLERK_BATCH_DESKS 2

struct clerk;

/* What the clerk needs of the journal; called from any thread. */
struct clerk_journal {
    void (*counts)(void *self, struct journal_counts *out);
    void (*settle)(void *self); /* journal_db_settle */
    void (*met_damage)(void *self);
    void *self; /* borrowed */
};

/* folder: the journal's; copied. */
GH_MUST_CHECK enum gh_err clerk_open(struct clerk **out, const char *folder,
                                     const struct clerk_journal *journal);

/* Answers a call "events" or "batch" on the connection fd; takes both fd and
 * request. GH_FULL: all desks are taken; both stay the caller's then. */
GH_MUST_CHECK enum gh_err clerk_take(struct clerk *clerk, int fd, struct json *request);

/* Ends what is under way and frees. */
void clerk_close(struct clerk *clerk);

#endif
