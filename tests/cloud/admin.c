#include "admin.h"

#include <jansson.h>
#include <string.h>

#include "enrol.h"
#include "event_store.h"
#include "store.h"

/* Answers with where the site stands now, and wakes who waits for it. */
static void answer_site(struct cloud *cloud, const char *name, enum store_result result,
                        const char *why, struct answer *answer)
{
    struct site s;
    if (result == STORE_OK)
        result = store_site(cloud->db, name, &s);
    switch (result) {
    case STORE_OK:
        answer->wake = true;
        answer_json(answer, 200, "{\"epoch\":%lld,\"rev\":%lld,\"rows\":%lld,\"digest\":\"%s\"}\n",
                    (long long)s.epoch, (long long)s.rev, (long long)s.rows, s.digest);
        break;
    case STORE_NONE:
        answer_error(answer, 404, "there is no such site: put rows first");
        break;
    case STORE_REFUSED:
        answer_error(answer, 400, "%s", why);
        break;
    case STORE_FAILED:
        answer_failed(answer);
        break;
    }
}

void admin_put_rows(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    char why[256] = "";
    enum store_result result =
        store_put(cloud->db, site, now_wall_ms() / 1000, call_body(call), why);
    answer_site(cloud, site, result, why, answer);
}

void admin_new_epoch(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    answer_site(cloud, site, store_new_epoch(cloud->db, site, now_wall_ms() / 1000), "", answer);
}

void admin_issue(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    answer_site(cloud, site, store_issue(cloud->db, site, now_wall_ms() / 1000), "", answer);
}

void admin_forget(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    answer_site(cloud, site, store_forget(cloud->db, site), "", answer);
}

/* --- what gateways sent --------------------------------------------------------- */

static bool number_query(const struct call *call, const char *name, long long most,
                         long long *value, struct answer *answer)
{
    const char *text = call_query(call, name);
    if (!text || parse_number(text, strlen(text), most, value))
        return true;
    answer_error(answer, 400, "%s must be a number up to %lld", name, most);
    return false;
}

void admin_get_events(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    long long after = 0;
    long long limit = LIST_MAX;
    if (!number_query(call, "after", 1LL << 53, &after, answer) ||
        !number_query(call, "limit", LIST_MAX, &limit, answer))
        return;
    answer->status = 200;
    answer->type = "application/x-ndjson";
    if (!event_store_list(cloud->db, call_arg(call, 0), call_arg(call, 1), after, limit,
                          &answer->body))
        answer_failed(answer);
}

void admin_get_summary(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    answer->status = 200;
    answer->type = "application/json";
    if (!event_store_summary(cloud->db, call_arg(call, 0), call_arg(call, 1), &answer->body))
        answer_failed(answer);
}

void admin_get_status(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    answer->status = 200;
    answer->type = "application/json";
    if (!event_store_status(cloud->db, call_arg(call, 0), call_arg(call, 1), &answer->body))
        answer_failed(answer);
    else if (answer->body.len == 0)
        answer_error(answer, 404, "this gateway has sent no status yet");
}

/* --- the server itself ------------------------------------------------------------ */

void admin_set_faults(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    char why[256];
    if (!faults_set(&cloud->faults, call_body(call), why)) {
        answer_error(answer, 400, "%s", why);
        return;
    }
    answer->status = 200;
    answer->type = "application/json";
    faults_write(&cloud->faults, &answer->body);
}

struct setting {
    const char *name;
    int64_t least, most, *value;
};

/* Absent: it stays. */
static bool read_setting(const json_t *root, const struct setting *s, int64_t *value)
{
    const json_t *v = json_object_get(root, s->name);
    *value = v ? json_integer_value(v) : *s->value;
    return !v || (json_is_integer(v) && *value >= s->least && *value <= s->most);
}

void admin_settings(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const struct setting settings[] = {
        {"checkpoint_every_s", 1, CHECKPOINT_EVERY_S, &cloud->checkpoint_every_s},
        {"command_again_s", 1, COMMAND_AGAIN_S, &cloud->command_again_s},
        {"gateway_cert_s", 1, GATEWAY_CERT_MAX_S, &cloud->gateway_cert_s},
        {"gateway_cert_age_s", 0, GATEWAY_CERT_MAX_S, &cloud->gateway_cert_age_s},
    };
    enum { SETTINGS = sizeof settings / sizeof settings[0] };
    int64_t value[SETTINGS];
    json_error_t error;
    struct bytes body = call_body(call);
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    bool good = json_object_size(root) > 0;
    size_t known = 0;
    for (int i = 0; i < SETTINGS; i++) {
        good = read_setting(root, &settings[i], &value[i]) && good;
        known += json_object_get(root, settings[i].name) != NULL;
    }
    good = good && known == json_object_size(root);
    json_decref(root);
    text_addf(&answer->body, "{");
    for (int i = 0; i < SETTINGS && good; i++) {
        *settings[i].value = value[i];
        text_addf(&answer->body, "%s\"%s\":%lld", i ? "," : "", settings[i].name,
                  (long long)value[i]);
    }
    text_addf(&answer->body, "}\n");
    answer->status = 200;
    answer->type = "application/json";
    answer->wake = good;
    if (!good)
        answer_error(answer, 400,
                     "the body must be {\"checkpoint_every_s\":1 to %d, \"command_again_s\":1 to %d, "
                     "\"gateway_cert_s\":1 to %d, \"gateway_cert_age_s\":0 to %d}",
                     CHECKPOINT_EVERY_S, COMMAND_AGAIN_S, GATEWAY_CERT_MAX_S, GATEWAY_CERT_MAX_S);
}

static bool write_sites(struct cloud *cloud, struct text *out)
{
    const char *separator = "";
    DB_STMT *stmt = db_query(cloud->db,
                             "SELECT site, epoch, rev, rows, floor, issued_at, digest FROM sites"
                             " ORDER BY site", "");
    enum step step;
    text_addf(out, "[");
    while ((step = db_step(stmt)) == STEP_ROW) {
        text_addf(out,
                  "%s{\"site\":\"%s\",\"epoch\":%lld,\"rev\":%lld,\"rows\":%lld,\"floor\":%lld,"
                  "\"issued_at_s\":%lld,\"digest\":\"%s\"}",
                  separator, db_text(stmt, 0), (long long)sqlite3_column_int64(stmt, 1),
                  (long long)sqlite3_column_int64(stmt, 2),
                  (long long)sqlite3_column_int64(stmt, 3),
                  (long long)sqlite3_column_int64(stmt, 4),
                  (long long)sqlite3_column_int64(stmt, 5), db_text(stmt, 6));
        separator = ",";
    }
    text_addf(out, "]");
    return step == STEP_DONE;
}

void admin_get_state(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    (void)call;
    struct text *out = &answer->body;
    answer->status = 200;
    answer->type = "application/json";
    text_addf(out, "{\"checkpoint_every_s\":%lld,\"command_again_s\":%lld,\"gateway_cert_s\":%lld,"
              "\"gateway_cert_age_s\":%lld,\"waiting\":%lld,\"faults\":",
              (long long)cloud->checkpoint_every_s, (long long)cloud->command_again_s,
              (long long)cloud->gateway_cert_s, (long long)cloud->gateway_cert_age_s,
              (long long)cloud->waiting);
    faults_write(&cloud->faults, out);
    text_addf(out, ",\"sites\":");
    if (write_sites(cloud, out))
        text_addf(out, "}\n");
    else
        answer_failed(answer);
}
