#include "commands.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WEEK_S = 7 * 86400, TOGETHER_MS = 50, RANDOM_ID = 12 };

/* --- making ------------------------------------------------------------------------- */

static void format_instant(char out[32], int64_t unix_s)
{
    struct tm tm;
    time_t t = (time_t)unix_s;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static int64_t parse_instant(const char *text)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return end && !*end ? (int64_t)timegm(&tm) : -1;
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
    int64_t issued_s = at ? parse_instant(at) : now_s;
    json_t *c = json_object();
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(id, sizeof id, random, sizeof random);
    format_instant(issued, issued_s);
    format_instant(until, issued_s + (ttl ? json_integer_value(ttl) : 0));
    json_object_set_new(c, "t", json_string("command"));
    json_object_set_new(c, "id", json_string(id));
    copy(c, asked, "id");
    json_object_set_new(c, "gateway", json_string(call_arg(call, 1)));
    copy(c, asked, "action");
    copy(c, asked, "door");
    copy(c, asked, "args");
    json_object_set_new(c, "issued_at", json_string(at ? at : issued));
    if (ttl)
        json_object_set_new(c, "not_after", json_string(until));
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
    signer_sign(&cloud->command_key, (struct bytes){signed_text.at, signed_text.len}, wrong, sig);
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
    DB_STMT *stmt = db_query(cloud->db, "INSERT INTO commands VALUES(NULL, ?, ?, ?, ?, ?, ?, 0, NULL)",
                             "tttbii", call_arg(call, 0), call_arg(call, 1),
                             json_string_value(json_object_get(c, "id")), line, now_s,
                             until ? parse_instant(until) : (int64_t)INT64_MAX);
    return db_step(stmt) == STEP_DONE;
}

void admin_command(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    json_error_t error;
    struct bytes body = call_body(call);
    int64_t now_s = now_wall_ms() / 1000;
    json_t *asked = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    json_t *c = json_is_object(asked) && json_is_string(json_object_get(asked, "action"))
                    ? build(call, asked, now_s)
                    : NULL;
    char *plain = c ? json_dumps(c, JSON_COMPACT) : NULL;
    struct text line = {0};
    if (plain)
        sign(cloud, plain, &line);
    if (!c)
        answer_error(answer, 400, "a command is an object with at least an action");
    else if (!plain || line.failed ||
             !keep(cloud, call, c, (struct bytes){line.at, line.len}, now_s))
        answer_failed(answer);
    else {
        answer->wake = true;
        answer_json(answer, 200, "{\"id\":\"%s\"}\n", json_string_value(json_object_get(c, "id")));
    }
    text_free(&line);
    free(plain);
    json_decref(c);
    json_decref(asked);
}

void admin_get_commands(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    DB_STMT *stmt = db_query(cloud->db, "SELECT id, line, sent_ms, result FROM commands"
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

/* Not sent yet, or sent so long ago that it may have been lost; those that were sent this very
 * moment are for the other gateways of the site, too. */
#define DUE                                                                                        \
    " FROM commands WHERE site = ?1 AND (?4 OR (result IS NULL AND until_s > ?2 / 1000"             \
    " AND made_s > ?2 / 1000 - 604800 AND (sent_ms < ?2 - ?3 OR sent_ms > ?2 - 50)))"

bool commands_due(struct cloud *cloud, const char *site,
                  void (*each)(void *context, struct bytes line), void *context)
{
    int64_t now_ms = now_wall_ms(), again_ms = cloud->command_again_s * 1000;
    int64_t all = fault_take(&cloud->faults, FAULT_REPLAY_COMMANDS);
    DB_STMT *stmt = db_query(cloud->db, "SELECT n, line" DUE " ORDER BY n", "tiii", site, now_ms,
                             again_ms, all);
    enum step step;
    int64_t last = 0;
    while ((step = db_step(stmt)) == STEP_ROW) {
        last = sqlite3_column_int64(stmt, 0);
        each(context, db_bytes(stmt, 1));
    }
    if (last == 0 || step == STEP_FAILED)
        return step != STEP_FAILED;
    sqlite3_reset(stmt);
    DB_STMT *mark = db_query(cloud->db,
                             "UPDATE commands SET sent_ms = ?2 WHERE n IN (SELECT n" DUE
                             " AND sent_ms < ?2 - 50)", "tiii", site, now_ms, again_ms, (int64_t)0);
    return db_step(mark) == STEP_DONE;
}

bool commands_are_due(struct cloud *cloud, const char *site, int64_t *next_ms)
{
    int64_t now_ms = now_wall_ms(), again_ms = cloud->command_again_s * 1000;
    DB_STMT *stmt = db_query(cloud->db, "SELECT count(*)" DUE, "tiii", site, now_ms, again_ms,
                             (int64_t)0);
    *next_ms = INT64_MAX;
    if (db_step(stmt) != STEP_ROW)
        return false;
    if (sqlite3_column_int64(stmt, 0) > 0)
        return true;
    DB_STMT *waits = db_query(cloud->db, "SELECT min(sent_ms) FROM commands WHERE site = ?"
                                         " AND result IS NULL AND until_s > ? AND made_s > ?",
                              "tii", site, now_ms / 1000, now_ms / 1000 - WEEK_S);
    if (db_step(waits) == STEP_ROW && sqlite3_column_type(waits, 0) != SQLITE_NULL)
        *next_ms = now_mono_ms() + sqlite3_column_int64(waits, 0) + again_ms - now_ms + 1;
    return false;
}

void commands_take_event(struct cloud *cloud, const char *site, const char *gateway,
                         struct bytes event)
{
    static const char kind[] = "\"kind\":\"command\"";
    json_error_t error;
    if (!memmem(event.at, event.len, kind, sizeof kind - 1))
        return;
    json_t *v = json_loadb(event.at, event.len, 0, &error);
    const json_t *args = json_object_get(v, "args");
    const char *id = json_string_value(json_object_get(args, "id"));
    const char *result = json_string_value(json_object_get(args, "result"));
    if (id && result) {
        DB_STMT *stmt = db_query(cloud->db,
                                 "UPDATE commands SET result = ? WHERE site = ? AND gateway = ?"
                                 " AND id = ? AND result IS NULL",
                                 "tttt", result, site, gateway, id);
        if (db_step(stmt) != STEP_DONE)
            fprintf(stderr, "commands: a result was not kept\n");
    }
    json_decref(v);
}
