#include "commands.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WEEK_S = 7 * 86400, TTL_MAX_S = 3650 * 86400, RANDOM_ID = 12 };

/* --- making ------------------------------------------------------------------------- */

/* What a caller may say. Whether a gateway may do it is not checked, so that a test can send
 * what must be refused. */
static const struct member {
    const char *name;
    json_type type;
    const char *must_be;
} MEMBERS[] = {
    {"action", JSON_STRING, "a string"},      {"door", JSON_STRING, "a string"},
    {"args", JSON_OBJECT, "an object"},       {"ttl_s", JSON_INTEGER, "a number of seconds"},
    {"not_after", JSON_STRING, "an instant"}, {"by", JSON_STRING, "a string"},
    {"id", JSON_STRING, "an identifier"},     {"issued_at", JSON_STRING, "an instant"},
};

static const struct member *member_of(const char *name)
{
    for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++)
        if (strcmp(MEMBERS[i].name, name) == 0)
            return &MEMBERS[i];
    return NULL;
}

static bool is_good(const struct member *m, const json_t *value)
{
    const char *text = json_string_value(value);
    int64_t instant;
    if (json_typeof(value) != m->type)
        return false;
    if (m->type == JSON_INTEGER)
        return json_integer_value(value) >= 0 && json_integer_value(value) <= TTL_MAX_S;
    if (strcmp(m->name, "id") == 0)
        return is_identifier(text);
    return strcmp(m->must_be, "an instant") != 0 || parse_instant(text, &instant);
}

/* Is this a command? false with one line in why. */
static bool check(json_t *asked, char why[256])
{
    const char *name;
    json_t *value;
    if (!json_is_object(asked) || !json_object_get(asked, "action")) {
        snprintf(why, 256, "a command is a JSON object with at least an action");
        return false;
    }
    json_object_foreach(asked, name, value) {
        const struct member *m = member_of(name);
        if (m && is_good(m, value))
            continue;
        if (m)
            snprintf(why, 256, "%s must be %s", name, m->must_be);
        else
            snprintf(why, 256, "%.64s is no member of a command", name);
        return false;
    }
    if (!json_object_get(asked, "ttl_s") || !json_object_get(asked, "not_after"))
        return true;
    snprintf(why, 256, "ttl_s and not_after say the same: give one of them");
    return false;
}

static void copy(json_t *to, const json_t *from, const char *name)
{
    json_t *member = json_object_get(from, name);
    if (member)
        json_object_set(to, name, member);
}

/* The command without its signature; owned. */
static json_t *build(const struct call *call, const json_t *asked, int64_t now_s)
{
    char id[2 * RANDOM_ID + 1], issued[32], until[32];
    unsigned char random[RANDOM_ID];
    const char *at = json_string_value(json_object_get(asked, "issued_at"));
    const json_t *ttl = json_object_get(asked, "ttl_s");
    int64_t issued_s = now_s;
    json_t *c = json_object();
    if (at)
        parse_instant(at, &issued_s);
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(id, sizeof id, random, sizeof random);
    format_instant(issued, issued_s);
    json_object_set_new(c, "t", json_string("command"));
    json_object_set_new(c, "id", json_string(id));
    copy(c, asked, "id");
    json_object_set_new(c, "gateway", json_string(call_arg(call, 1)));
    copy(c, asked, "action");
    copy(c, asked, "door");
    copy(c, asked, "args");
    json_object_set_new(c, "issued_at", json_string(issued));
    if (ttl) {
        format_instant(until, issued_s + json_integer_value(ttl));
        json_object_set_new(c, "not_after", json_string(until));
    }
    copy(c, asked, "not_after");
    json_object_set_new(c, "by", json_string("cloud:admin"));
    copy(c, asked, "by");
    return c;
}

/* The line as it is sent: the signature is its last member. */
static void sign(struct cloud *cloud, const char *plain, struct text *line)
{
    char sig[SIGN_TEXT];
    struct text signed_text = {0};
    bool wrong = fault_take(&cloud->faults, FAULT_WRONG_COMMAND_SIGNATURE);
    text_addf(&signed_text, "gatehouse-command\n%s", plain);
    signer_sign(&cloud->command_key, text_bytes(&signed_text), wrong, sig);
    if (sig[0] && !fault_take(&cloud->faults, FAULT_UNSIGNED_COMMAND))
        text_addf(line, "%.*s,\"sig\":\"%s\"}", (int)strlen(plain) - 1, plain, sig);
    else
        text_addf(line, "%s", plain);
    text_free(&signed_text);
}

static bool keep(struct cloud *cloud, const struct call *call, const json_t *c, struct bytes line,
                 int64_t now_s)
{
    const char *until = json_string_value(json_object_get(c, "not_after"));
    int64_t until_s = INT64_MAX;
    if (until && !parse_instant(until, &until_s))
        return false;
    DB_STMT *stmt = db_query(cloud->db, "INSERT INTO commands VALUES(NULL, ?, ?, ?, ?, ?, ?, 0, NULL)",
                             "tttbii", call_arg(call, 0), call_arg(call, 1),
                             json_string_value(json_object_get(c, "id")), line, now_s, until_s);
    return db_step(stmt) == STEP_DONE;
}

static void make(struct cloud *cloud, const struct call *call, const json_t *asked,
                 struct answer *answer)
{
    int64_t now_s = now_wall_ms() / 1000;
    json_t *c = build(call, asked, now_s);
    char *plain = json_dumps(c, JSON_COMPACT);
    struct text line = {0};
    if (plain)
        sign(cloud, plain, &line);
    if (plain && !line.failed && keep(cloud, call, c, text_bytes(&line), now_s)) {
        answer->wake = true;
        answer_json(answer, 200, "{\"id\":\"%s\"}\n", json_string_value(json_object_get(c, "id")));
    } else {
        answer_failed(answer);
    }
    text_free(&line);
    free(plain);
    json_decref(c);
}

void admin_command(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    char why[256];
    json_error_t error;
    struct bytes body = call_body(call);
    json_t *asked = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    if (check(asked, why))
        make(cloud, call, asked, answer);
    else
        answer_error(answer, 400, "%s", why);
    json_decref(asked);
}

void admin_get_commands(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    DB_STMT *stmt = db_query(cloud->db, "SELECT id, line, sent_us, nullif(result, '') FROM commands"
                                        " WHERE site = ? AND gateway = ? ORDER BY n",
                             "tt", call_arg(call, 0), call_arg(call, 1));
    answer->status = 200;
    answer->type = "application/x-ndjson";
    enum step step;
    while ((step = db_step(stmt)) == STEP_ROW) {
        json_t *v = json_pack("{ss ss sb ss?}", "id", db_text(stmt, 0), "line", db_text(stmt, 1),
                              "sent", sqlite3_column_int64(stmt, 2) != 0, "result",
                              (const char *)sqlite3_column_text(stmt, 3));
        char *text = v ? json_dumps(v, JSON_COMPACT) : NULL;
        text_addf(&answer->body, "%s\n", text ? text : "");
        free(text);
        json_decref(v);
    }
    if (step == STEP_FAILED)
        answer_failed(answer);
}

/* --- sending ------------------------------------------------------------------------- */

/* For a poll that came at ?5: what was not sent yet, or ?3 ago, and what was sent while the poll
 * was waiting already, which is for all who waited. ?2: now; a sending in the future, before the
 * clock was set back, counts as none. ?4: everything. */
#define DUE                                                                                        \
    " FROM commands WHERE site = ?1 AND (?4 OR (result IS NULL AND until_s > ?2 / 1000000"             \
    " AND made_s > ?2 / 1000000 - 604800 AND (abs(?2 - sent_us) >= ?3 OR sent_us >= ?5)))"

bool commands_due(struct cloud *cloud, const char *site, int64_t came_us,
                  void (*each)(void *context, struct bytes line), void *context)
{
    int64_t now_us = now_wall_us(), again_us = cloud->command_again_s * 1000000;
    int64_t all = fault_take(&cloud->faults, FAULT_REPLAY_COMMANDS);
    DB_STMT *stmt = db_query(cloud->db, "SELECT line" DUE " ORDER BY n", "tiiii", site, now_us,
                             again_us, all, came_us);
    enum step step;
    while ((step = db_step(stmt)) == STEP_ROW)
        each(context, db_bytes(stmt, 0));
    if (step == STEP_FAILED)
        return false;
    DB_STMT *mark = db_query(cloud->db,
                             "UPDATE commands SET sent_us = ?2 WHERE n IN (SELECT n" DUE
                             ") AND (sent_us < ?5 OR sent_us > ?2)",
                             "tiiii", site, now_us, again_us, (int64_t)0, came_us);
    return db_step(mark) == STEP_DONE;
}

bool commands_are_due(struct cloud *cloud, const char *site, int64_t came_us, int64_t *next_ms)
{
    int64_t now_us = now_wall_us(), again_us = cloud->command_again_s * 1000000;
    DB_STMT *stmt = db_query(cloud->db, "SELECT count(*)" DUE, "tiiii", site, now_us, again_us,
                             (int64_t)0, came_us);
    *next_ms = INT64_MAX;
    if (db_step(stmt) != STEP_ROW)
        return false;
    if (sqlite3_column_int64(stmt, 0) > 0)
        return true;
    DB_STMT *waits = db_query(cloud->db, "SELECT min(sent_us) FROM commands WHERE site = ?"
                                         " AND result IS NULL AND until_s > ? AND made_s > ?",
                              "tii", site, now_us / 1000000, now_us / 1000000 - WEEK_S);
    if (db_step(waits) == STEP_ROW && sqlite3_column_type(waits, 0) != SQLITE_NULL)
        *next_ms = now_mono_ms() + (sqlite3_column_int64(waits, 0) + again_us - now_us) / 1000 + 1;
    return false;
}

void commands_take_event(struct cloud *cloud, const char *site, const char *gateway,
                         struct bytes event)
{
    static const char word[] = "\"command\"";
    json_error_t error;
    if (!memmem(event.at, event.len, word, sizeof word - 1))
        return; /* most events, without taking them apart */
    json_t *v = json_loadb(event.at, event.len, 0, &error);
    const char *kind = json_string_value(json_object_get(v, "kind"));
    const json_t *args = json_object_get(v, "args");
    const char *id = json_string_value(json_object_get(args, "id"));
    const char *result = json_string_value(json_object_get(args, "result"));
    if (kind && strcmp(kind, "command") == 0 && id) {
        DB_STMT *stmt = db_query(cloud->db,
                                 "UPDATE commands SET result = ? WHERE site = ? AND gateway = ?"
                                 " AND id = ? AND result IS NULL",
                                 "tttt", result ? result : "", site, gateway, id);
        if (db_step(stmt) != STEP_DONE)
            fprintf(stderr, "commands: a result was not kept\n");
    }
    json_decref(v);
}
