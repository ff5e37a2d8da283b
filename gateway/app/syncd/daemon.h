/* What syncd asks of gatehoused, over the control socket (app/control.h).
 *
 * In all calls: GH_RETRY: nobody is there; GH_IO: the talk broke off or made no
 * sense; GH_INVALID: gatehoused refused. */
#ifndef GATEHOUSE_APP_SYNCD_DAEMON_H
#define GATEHOUSE_APP_SYNCD_DAEMON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/id.h"
#include "core/policy.h"
#include "core/slice.h"

#define DAEMON_TIMEOUT_MS 1500 /* an empty batch may take a second */
#define DAEMON_BATCH_EVENTS 500
#define DAEMON_BATCH_BYTES (256 * 1024)
/* Room for the largest batch as a body: brackets, commas, lost ranges, vendor words. */
#define DAEMON_BODY_BYTES (DAEMON_BATCH_BYTES + 256 * 1024)

/* Events on their way to the cloud: the body of POST events,
 * {"stream","first_seq","lost":[{"from","to"}]?,"events":[...]}, each event in
 * its bytes as stored; where the dialect has words for it, with one member more as
 * its last (app/vendor.h). */
struct daemon_batch {
    char *body; /* borrowed: DAEMON_BODY_BYTES */
    enum dialect dialect; /* set by the caller, before the call */
    size_t len;
    char stream[ID_MAX + 1];
    int64_t first_seq;
    int64_t last_seq; /* of the last event */
    int events;       /* 0 = there is nothing to send */
};

/* The oldest events that are not acknowledged, limit (1..DAEMON_BATCH_EVENTS)
 * of them at most. On failure *b is empty. */
GH_MUST_CHECK enum gh_err daemon_batch(const char *socket_path, int limit,
                                       struct daemon_batch *b);
/* Events from this number on, acknowledged or not, up to (not including)
 * before: for a cloud that lost them. GH_NOT_FOUND: that event is not on the
 * box any more. */
GH_MUST_CHECK enum gh_err daemon_history(const char *socket_path, const char *stream,
                                         int64_t from, int64_t before, struct daemon_batch *b);
GH_MUST_CHECK enum gh_err daemon_ack(const char *socket_path, const char *stream, int64_t seq);
/* fault: NULL = none. */
GH_MUST_CHECK enum gh_err daemon_note(const char *socket_path, const char *kind,
                                      const char *fault);

/* What there is to say of our certificate; alarm: "" = nothing is wrong. */
GH_MUST_CHECK enum gh_err daemon_certificate(const char *socket_path, int64_t until,
                                             const char *alarm);

/* The answer to "status", borrowed for the call. */
GH_MUST_CHECK enum gh_err daemon_status(const char *socket_path,
                                        void (*take)(void *context, struct slice json),
                                        void *context);

/* The newest `last` events, oldest first, as stored. */
GH_MUST_CHECK enum gh_err daemon_newest(const char *socket_path, int last,
                                        void (*take)(void *context, struct slice event),
                                        void *context);

/* What came of a command of the cloud. */
struct daemon_result {
    bool is_done;
    bool is_resync; /* and it asks for a snapshot */
    char why[160];  /* GH_INVALID: one line */
};
/* Hands a command's line over. GH_INVALID with out->why: it is not for doing (forged, or it
 * makes no sense); it will never be. */
GH_MUST_CHECK enum gh_err daemon_command(const char *socket_path, struct slice line,
                                         struct daemon_result *out);

/* This row counts as not enabled, until a policy of this rev is in force. */
GH_MUST_CHECK enum gh_err daemon_deny(const char *socket_path, enum row_kind kind,
                                      const struct id *id, int64_t rev);

/* The same for a page of "doors", from the from-th door on. */
GH_MUST_CHECK enum gh_err daemon_doors(const char *socket_path, int64_t from,
                                       void (*take)(void *context, struct slice json),
                                       void *context);

#endif
