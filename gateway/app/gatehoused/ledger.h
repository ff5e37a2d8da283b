/* The ledger: what decisions keep, in memory, and its way into the journal.
 *
 * Keys and values are short texts (core/changes.h gives their bounds). Every
 * change is seen at once and waits to go into the journal with the next event,
 * or by itself with ledger_flush: so a change and the event that made it are
 * stored together. Keys, all of ids joined by slashes:
 *
 *   u/CREDENTIAL/DOOR  uses of a credential at a door: a number
 *   t/CREDENTIAL       uses of a credential: a number
 *   a/AREA/PERSON      "in" or "out", a blank, the instant of the last pass
 *   l/DOOR/ROW         a latch: "open" or "ended", its end, the row's fingerprint
 *   q/DOOR             a local mode: "unlocked" or "locked", its instant, its end or "-"
 *   r/DOOR             the instant of the last restore
 *   k/DOOR             a local lockdown: its instant
 *   m/DOOR             the mode that was journalled last: its word
 *   p/READER...        PIN failures and the lockout (lockouts.h)
 *   w/READER           a read that waits for its second factor (waits.h)
 *   c/COMMAND[/PANEL]  a command that was done or refused: its instant (command_memory.h)
 *   b/commands         the instant from which on those are remembered
 *   h/SLOT             the instant of a remote release (remote_cap.h) */
#ifndef GATEHOUSE_APP_GATEHOUSED_LEDGER_H
#define GATEHOUSE_APP_GATEHOUSED_LEDGER_H

#include <stdint.h>

#include "core/changes.h"
#include "core/id.h"
#include "ports/journal.h"

struct ledger_entry {
    struct ledger_entry *next; /* in its bucket */
    void *mark;                /* its user's own; NULL at first */
    uint32_t hash;
    uint8_t key_len, value_len;
    char bytes[]; /* key, then room for CHANGE_VALUE_MAX or what was asked for */
};

struct ledger {
    struct journal journal;
    struct ledger_entry **bucket; /* owned, as the entries are */
    size_t n_buckets, n;
    struct changes waiting; /* for the next event */
};

/* Reads all that the journal keeps. GH_IO: it cannot be read, or no memory. */
GH_MUST_CHECK enum gh_err ledger_open(struct ledger *out, struct journal journal);
void ledger_close(struct ledger *ledger);

/* A key of up to three parts. */
struct ledger_key {
    uint8_t len;
    char s[CHANGE_KEY_MAX];
};
/* kind is one letter; b may be NULL. */
struct ledger_key ledger_key(char kind, const struct id *a, const struct id *b);

/* The value, borrowed until the key changes; ptr NULL = none. */
struct slice ledger_get(const struct ledger *ledger, const struct ledger_key *key);
/* The value as a number; 0 if there is none. */
int64_t ledger_number(const struct ledger *ledger, const struct ledger_key *key);

/* Gives the key a value. Out of memory, the change still goes to the journal; NULL
 * then. The entry stays where it is until it is forgotten or its value grows beyond 32
 * bytes. */
struct ledger_entry *ledger_put(struct ledger *ledger, const struct ledger_key *key,
                                struct slice value);
struct ledger_entry *ledger_put_number(struct ledger *ledger, const struct ledger_key *key,
                                       int64_t value);
void ledger_forget(struct ledger *ledger, const struct ledger_key *key);

struct ledger_entry *ledger_find(const struct ledger *ledger, const struct ledger_key *key);
struct slice ledger_entry_key(const struct ledger_entry *entry);
struct slice ledger_entry_value(const struct ledger_entry *entry);

/* The i-th part of a key (0 = after the letter); an id. False if there is none. */
bool ledger_part(struct slice key, int i, struct id *out);

/* Calls each for every entry whose key starts with the letter. each may change the
 * value of its entry, and nothing else. */
void ledger_each(struct ledger *ledger, char kind,
                 void (*each)(void *context, struct ledger_entry *entry), void *context);
/* Forgets the entries of that letter for which each says so. */
void ledger_sweep(struct ledger *ledger, char kind,
                  bool (*is_over)(void *context, const struct ledger_entry *entry), void *context);

/* What waits, to go along with an event; and that it has gone. */
struct slice ledger_waiting(const struct ledger *ledger);
void ledger_went(struct ledger *ledger);
/* Sends what waits without an event. What the journal cannot take goes on waiting. */
void ledger_flush(struct ledger *ledger);

/* A value cut at blanks. False at the end. */
bool ledger_word(struct slice *rest, struct slice *word);
bool ledger_word_number(struct slice *rest, int64_t *out);

#endif
