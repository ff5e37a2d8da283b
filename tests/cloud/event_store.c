#include "event_store.h"

#include <string.h>

/* Where a stream is appended to. */
struct stream {
    sqlite3 *db;
    const char *site;
    const char *gateway;
    const char *name;
    int64_t acked;
    int64_t resent;      /* events that came again */
    int64_t conflicting; /* those of them that came again with other bytes */
};

static bool load(struct stream *s)
{
    DB_STMT *stmt = db_query(s->db,
                             "SELECT acked, resent, conflicting FROM streams"
                             " WHERE site = ? AND gateway = ? AND stream = ?",
                             "ttt", s->site, s->gateway, s->name);
    enum step step = db_step(stmt);
    if (step == STEP_ROW) {
        s->acked = sqlite3_column_int64(stmt, 0);
        s->resent = sqlite3_column_int64(stmt, 1);
        s->conflicting = sqlite3_column_int64(stmt, 2);
    }
    return step != STEP_FAILED;
}

static bool save(const struct stream *s)
{
    DB_STMT *stmt = db_query(s->db, "INSERT OR REPLACE INTO streams VALUES(?, ?, ?, ?, ?, ?)",
                             "tttiii", s->site, s->gateway, s->name, s->acked, s->resent,
                             s->conflicting);
    return db_step(stmt) == STEP_DONE;
}

/* Kept beside the event, which they are no part of. */
static bool keep_words(const struct stream *s, const struct piece *p)
{
    if (!p->vendor.at)
        return true;
    DB_STMT *stmt = db_query(s->db, "INSERT OR REPLACE INTO vendor_words VALUES(?, ?, ?, ?, ?)",
                             "tttib", s->site, s->gateway, s->name, p->from, p->vendor);
    return db_step(stmt) == STEP_DONE;
}

static bool note_resent(struct stream *s, const struct piece *p)
{
    if (!p->event.at)
        return true;
    s->resent++;
    DB_STMT *stmt = db_query(s->db,
                             "SELECT event = ? FROM events"
                             " WHERE site = ? AND gateway = ? AND stream = ? AND seq = ?",
                             "bttti", p->event, s->site, s->gateway, s->name, p->from);
    enum step step = db_step(stmt);
    /* No row: it had been given up as lost, and that stands. */
    if (step != STEP_FAILED && (step == STEP_DONE || !sqlite3_column_int(stmt, 0)))
        s->conflicting++;
    return step != STEP_FAILED && keep_words(s, p);
}

static bool add(struct stream *s, const struct piece *p)
{
    DB_STMT *stmt =
        p->event.at
            ? db_query(s->db,
                       "INSERT INTO events(site, gateway, stream, seq, event)"
                       " VALUES(?, ?, ?, ?, ?)",
                       "tttib", s->site, s->gateway, s->name, p->from, p->event)
            : db_query(s->db, "INSERT INTO lost VALUES(?, ?, ?, ?, ?)", "tttii", s->site,
                       s->gateway, s->name, s->acked + 1, p->to);
    return db_step(stmt) == STEP_DONE && keep_words(s, p);
}

static enum append_result append(struct stream *s, const struct piece *pieces, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct piece *p = &pieces[i];
        if (p->to <= s->acked) {
            if (!note_resent(s, p))
                return APPEND_FAILED;
            continue;
        }
        if (p->from > s->acked + 1)
            return APPEND_GAP;
        if (!add(s, p))
            return APPEND_FAILED;
        s->acked = p->to;
    }
    return APPEND_OK;
}

enum append_result event_store_append(sqlite3 *db, const char *site, const char *gateway,
                                      const char *stream, const struct piece *pieces,
                                      size_t count, int64_t *acked)
{
    struct stream s = {.db = db, .site = site, .gateway = gateway, .name = stream};
    if (!db_run(db, "BEGIN IMMEDIATE"))
        return APPEND_FAILED;
    if (!load(&s)) {
        db_rollback(db);
        return APPEND_FAILED;
    }
    int64_t before = s.acked;
    enum append_result result = append(&s, pieces, count);
    if (result == APPEND_OK && (!save(&s) || !db_run(db, "COMMIT")))
        result = APPEND_FAILED;
    if (result != APPEND_OK)
        db_rollback(db);
    /* A batch with a gap leaves nothing behind, also not what stood before it. */
    *acked = result == APPEND_OK ? s.acked : before;
    return result;
}

bool event_store_list(sqlite3 *db, const char *site, const char *gateway, int64_t after,
                      int64_t limit, struct text *out)
{
    DB_STMT *stmt = db_query(db,
                             "SELECT arrival, stream, seq, event, words FROM events"
                             " LEFT JOIN vendor_words USING(site, gateway, stream, seq)"
                             " WHERE site = ? AND gateway = ? AND arrival > ?"
                             " ORDER BY arrival LIMIT ?",
                             "ttii", site, gateway, after, limit);
    enum step step;
    while ((step = db_step(stmt)) == STEP_ROW) {
        struct bytes event = db_bytes(stmt, 3), words = db_bytes(stmt, 4);
        text_addf(out, "{\"n\":%lld,\"stream\":\"%s\",\"seq\":%lld,\"event\":",
                  (long long)sqlite3_column_int64(stmt, 0), db_text(stmt, 1),
                  (long long)sqlite3_column_int64(stmt, 2));
        text_add(out, event.at, event.len);
        if (words.len > 0) {
            text_addf(out, ",\"vendor\":");
            text_add(out, words.at, words.len);
        }
        text_addf(out, "}\n");
    }
    return step == STEP_DONE;
}

/* Decided reads that are there more than once: the same read of the same reader
 * in two events. 0 is the only good answer. */
static int64_t count_doubled(sqlite3 *db, const char *site, const char *gateway)
{
    DB_STMT *stmt = db_query(db,
                             "SELECT coalesce(sum(c - 1), 0) FROM (SELECT count(*) AS c"
                             " FROM (SELECT json_extract(event, '$.reader') AS reader,"
                             "       json_extract(event, '$.read_id') AS read,"
                             "       json_extract(event, '$.kind') AS kind FROM events"
                             "       WHERE site = ? AND gateway = ? AND json_valid(event))"
                             " WHERE kind = 'access' AND read IS NOT NULL"
                             " GROUP BY reader, read HAVING c > 1)",
                             "tt", site, gateway);
    return db_step(stmt) == STEP_ROW ? sqlite3_column_int64(stmt, 0) : -1;
}

bool event_store_summary(sqlite3 *db, const char *site, const char *gateway, struct text *out)
{
    int64_t total = 0, total_lost = 0, total_missing = 0;
    int64_t doubled = count_doubled(db, site, gateway);
    const char *separator = "";
    DB_STMT *stmt = db_query(
        db,
        "SELECT stream, acked, resent, conflicting, count(seq), coalesce(min(seq), 0),"
        " coalesce(max(seq), 0), (SELECT coalesce(sum(to_seq - from_seq + 1), 0) FROM lost AS l"
        "  WHERE l.site = s.site AND l.gateway = s.gateway AND l.stream = s.stream)"
        " FROM streams AS s LEFT JOIN events USING(site, gateway, stream)"
        " WHERE site = ? AND gateway = ? GROUP BY stream ORDER BY stream",
        "tt", site, gateway);
    enum step step;
    text_addf(out, "{\"streams\":[");
    while ((step = db_step(stmt)) == STEP_ROW) {
        int64_t n[8];
        for (int i = 1; i < 8; i++)
            n[i] = sqlite3_column_int64(stmt, i);
        /* What was acknowledged, held against what can be found. */
        int64_t missing = n[1] - n[4] - n[7];
        text_addf(out,
                  "%s{\"stream\":\"%s\",\"count\":%lld,\"min\":%lld,\"max\":%lld,\"lost\":%lld,"
                  "\"missing\":%lld,\"acked_seq\":%lld,\"resent\":%lld,\"conflicting\":%lld}",
                  separator, db_text(stmt, 0), (long long)n[4], (long long)n[5],
                  (long long)n[6], (long long)n[7], (long long)missing, (long long)n[1],
                  (long long)n[2], (long long)n[3]);
        separator = ",";
        total += n[4];
        total_lost += n[7];
        total_missing += missing;
    }
    text_addf(out, "],\"count\":%lld,\"lost\":%lld,\"missing\":%lld,\"doubled\":%lld}\n",
              (long long)total, (long long)total_lost, (long long)total_missing,
              (long long)doubled);
    return step == STEP_DONE && doubled >= 0;
}

bool event_store_set_status(sqlite3 *db, const char *site, const char *gateway, int64_t now_s,
                            struct bytes body)
{
    DB_STMT *stmt = db_query(db, "INSERT OR REPLACE INTO status VALUES(?, ?, ?, ?)", "ttib", site,
                             gateway, now_s, body);
    return db_step(stmt) == STEP_DONE;
}

bool event_store_status(sqlite3 *db, const char *site, const char *gateway, struct text *out)
{
    DB_STMT *stmt = db_query(db, "SELECT body FROM status WHERE site = ? AND gateway = ?", "tt",
                             site, gateway);
    enum step step = db_step(stmt);
    if (step == STEP_ROW) {
        struct bytes body = db_bytes(stmt, 0);
        text_add(out, body.at, body.len);
    }
    return step != STEP_FAILED;
}
