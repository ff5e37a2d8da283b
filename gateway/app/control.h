/* The control socket: how gatehousectl and gatehouse-syncd talk to gatehoused.
 *
 * A Unix stream socket, RUN_DIR/control.sock. The client sends one line of JSON
 * {"call":NAME,...} of at most CONTROL_REQUEST_MAX bytes; the daemon answers
 * with lines and closes. The first line is {"ok":true,...} or
 * {"ok":false,"error":TEXT}; for the calls marked * event lines follow, as
 * stored, and a last line {"end":true,"count":N}: without it the answer broke
 * off and counts for nothing.
 *
 * status                      {"version","online","uptime_s","clock","broker":{"up"},
 *                              "policy":{"epoch","rev","age_s","damaged"},
 *                              "cloud":{"configured","online","since","certificate"?:{"until","alarm"}},
 *                              "journal":{"stream","first_seq","next_seq","durable_seq",
 *                                         "acked_seq","queued","lost_total",
 *                                         "alarm_seq","head"},
 *                              "reads":{"granted","denied","repeated","malformed","stale",
 *                                       "retained","flooded"}}
 *                             cloud.since is null while nothing was heard of it;
 *                             configured: there is a [cloud]; certificate: the one that this
 *                             gateway shows it, alarm: what is wrong with it, or null;
 *                             damaged: so many questions to the policy met damage in replica.db
 * doors {"from"?}             {"next"?,"doors":[{"door","name"?,"in_policy","mode","onvif",
 *                              "lock":"locked|released","contact":"open|closed"|null,
 *                              "alarm":TEXT|null,"board":"online|offline",
 *                              "fault":TEXT|null,"until_ms"?}]}
 *                             fault: what its relays do wrong, or did a few seconds ago
 *                             a page: the next one is from "next" on, if there is one
 * inputs {"from"?}            {"next"?,"inputs":[{"door"?,"input":"fire|contact|rex|tamper",
 *                              "chip","line","active","changes","state":"ok|chatters|lost"}]}
 * relay_test {"door"}         releases the door for a second; an event
 * events* {"after"?,"last"?,"door"?,"since"?,"follow"?}
 *                             after: seq; last: of the newest N only (before door and
 *                             since are looked at); since: RFC 3339
 * batch* {"limit","max_bytes"} the oldest events that the cloud has not acknowledged:
 *                             first line {"ok":true,"stream","first_seq","lost"?:[{"from","to"}]};
 *                             lost = events before first_seq that overflow took
 * ack {"stream","seq"}        the cloud has everything up to seq
 * note {"kind","fault"?}      cloud_online | cloud_offline | policy_applied | policy_refused:
 *                             journalled as an event
 * certificate {"until","alarm"?}  until when ours at the cloud is good, and what is wrong with it
 * command {"action","id"?,"door"?,"args"?,"not_after"?}
 *                             release, hold_open, lock, restore, lockdown, lockdown_release,
 *                             forgive_antipassback, present; args as in the cloud's commands:
 *                             {"result":"done|refused|expired|duplicate","reason"?,"release_s"?}
 * cloud_command {"line"}      a command's line as the cloud sent it (app/gatehoused/cloud_command.h):
 *                             {"result":"done|refused|expired|duplicate|foreign","action"?,
 *                              "reason"?,"fault"?,"release_s"?}; foreign: of another gateway
 * deny {"k","id","rev"}       this person, credential or entitlement counts as not enabled, until a
 *                             policy of this rev or a higher one is in force
 * explain {"reader","type","value","pin"?,"bits"?,"location"?,"at"?}
 *                             what the read would come to, and why (app/gatehoused/explain.h);
 *                             nothing is opened, counted or journalled
 */
#ifndef GATEHOUSE_APP_CONTROL_H
#define GATEHOUSE_APP_CONTROL_H

#include <stdbool.h>

#include "core/err.h"
#include "core/slice.h"

#define CONTROL_REQUEST_MAX 8192
#define CONTROL_LINE_MAX 65536
#define CONTROL_SOCKET "control.sock"

/* Sends one request and hands each line of the answer to line (without its
 * newline; borrowed for the call), until the daemon closes or line returns
 * false. timeout_ms bounds every single wait. GH_RETRY: nobody answers at the
 * socket; GH_IO: the talk broke off or timed out; GH_FULL: a line is too long. */
GH_MUST_CHECK enum gh_err control_call(const char *socket_path, struct slice request,
                                       int timeout_ms,
                                       bool (*line)(void *context, struct slice text),
                                       void *context);

#endif
