#include "enrol.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller.h"
#include "x509.h"

enum { TOKEN_BYTES = 16, TOKEN_TEXT_MAX = 128, ENROL_TOKEN_TEXT = 2 * TOKEN_BYTES + 1 };

static void hash_token(unsigned char hash[32], const char *token)
{
    crypto_hash_sha256(hash, (const unsigned char *)token, strlen(token));
}

/* Answers and returns false where this cloud enrols nobody. */
static bool enrols(struct cloud *cloud, struct answer *answer)
{
    if (cloud->ca_pem)
        return true;
    answer_error(answer, 404, "this cloud enrols nobody: it was started without --ca");
    return false;
}

/* --- what is asked --------------------------------------------------------------------- */

struct asked {
    json_t *root; /* owned */
    const char *token, *site, *gateway; /* NULL = not given; borrowed from it */
    struct bytes csr;
};

/* Takes a text member out of count; false if it is there and no text. */
static bool take_text(const json_t *root, const char *name, const char **out, size_t *count)
{
    const json_t *value = json_object_get(root, name);
    *out = json_string_value(value);
    *count += value != NULL;
    return !value || *out;
}

/* The same whatever the token is, so that it tells nothing of it. */
static bool take_asked(const struct call *call, bool with_token, struct asked *out,
                       struct answer *answer)
{
    json_error_t error;
    struct bytes body = call_body(call);
    size_t known = 0;
    const char *csr;
    *out = (struct asked){.root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error)};
    bool good = json_is_object(out->root) && take_text(out->root, "csr", &csr, &known) && csr &&
                take_text(out->root, "token", &out->token, &known) &&
                take_text(out->root, "site", &out->site, &known) &&
                take_text(out->root, "gateway", &out->gateway, &known) &&
                known == json_object_size(out->root) && (out->token != NULL) == with_token &&
                (with_token || known == 1) && (!out->site || is_identifier(out->site)) &&
                (!out->gateway || is_identifier(out->gateway)) &&
                (!out->token || strlen(out->token) <= TOKEN_TEXT_MAX);
    if (!good) {
        answer_error(answer, 400, with_token
                                      ? "the body must be {\"token\",\"csr\",\"site\"?,\"gateway\"?}"
                                      : "the body must be {\"csr\"}");
        return false;
    }
    out->csr = (struct bytes){csr, strlen(csr)};
    if (request_is_good(out->csr))
        return true;
    answer_error(answer, 400, "csr must be a certificate request (PEM) for an EC key on P-256, "
                              "signed with that key");
    return false;
}

/* --- certificates ------------------------------------------------------------------------ */

/* What the certificate says, and what faults make of it. */
static void make_wish(struct cloud *cloud, const char *site, const char *gateway,
                      struct certificate_wish *out)
{
    struct faults *f = &cloud->faults;
    int64_t from_s = now_wall_ms() / 1000 - cloud->gateway_cert_age_s;
    int64_t shift_s = 0;
    if (fault_take(f, FAULT_ENROL_EXPIRED))
        shift_s = -(cloud->gateway_cert_s + 86400);
    else if (fault_take(f, FAULT_ENROL_NOT_YET))
        shift_s = cloud->gateway_cert_age_s + 86400;
    *out = (struct certificate_wish){
        .site = site,
        .gateway = fault_take(f, FAULT_ENROL_OTHER_NAME) ? "somebody-else" : gateway,
        .from_s = from_s + shift_s,
        .until_s = from_s + shift_s + cloud->gateway_cert_s,
        .other_key = fault_take(f, FAULT_ENROL_OTHER_KEY),
        .other_ca = fault_take(f, FAULT_ENROL_OTHER_CA)};
}

/* Adds the certificate to pem, and keeps that it was made. */
static bool make_certificate(struct cloud *cloud, const struct asked *asked, const char *site,
                             const char *gateway, const char *how, struct text *pem)
{
    struct certificate_wish wish;
    char serial[SERIAL_TEXT];
    make_wish(cloud, site, gateway, &wish);
    if (!gateway_ca_sign(cloud->gateway_ca, asked->csr, &wish, pem, serial) || pem->failed)
        return false;
    DB_STMT *stmt = db_query(cloud->db, "INSERT INTO certificates VALUES(?, ?, ?, ?, ?, ?, NULL)",
                             "tttiit", serial, site, gateway, wish.from_s, wish.until_s, how);
    return db_step(stmt) == STEP_DONE;
}

void enrol_seen(struct cloud *cloud, const char *serial)
{
    DB_STMT *stmt = db_query(cloud->db, "UPDATE certificates SET seen_s = ? WHERE serial = ?"
                                        " AND seen_s IS NULL",
                             "it", now_wall_ms() / 1000, serial);
    if (db_step(stmt) != STEP_DONE)
        fprintf(stderr, "enrol: that a certificate was used was not kept\n");
}

static void add_text(struct text *out, const char *name, struct bytes value)
{
    char *text = strndup(value.at, value.len);
    json_t *v = json_string(text ? text : "");
    char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
    text_addf(out, "\"%s\":%s", name, quoted ? quoted : "null");
    out->failed |= !text || !quoted;
    free(quoted);
    json_decref(v);
    free(text);
}

static void add_key(struct text *out, const char *name, const struct signer *signer)
{
    char hex[65] = "";
    if (signer->is_there)
        signer_public(signer, hex);
    text_addf(out, ",\"%s\":[%s%s%s]", name, hex[0] ? "\"" : "", hex, hex[0] ? "\"" : "");
}

/* --- the authority ------------------------------------------------------------------------ */

static void add_ca(const struct cloud *cloud, struct text *out)
{
    text_addf(out, "%s%s", cloud->ca_pem, gateway_ca_pem(cloud->gateway_ca));
}

void ca_get(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    (void)call;
    if (!enrols(cloud, answer))
        return;
    answer->status = 200;
    answer->type = "application/x-pem-file";
    add_ca(cloud, &answer->body);
}

/* --- enrolment ----------------------------------------------------------------------------- */

enum token_verdict { TOKEN_GOOD, TOKEN_NONE, TOKEN_OTHER, TOKEN_FAILED };

/* Whom the token is for. The token is not used up. */
static enum token_verdict look_up(struct cloud *cloud, const struct asked *asked, char site[65],
                                  char gateway[65])
{
    unsigned char hash[32];
    hash_token(hash, asked->token);
    DB_STMT *stmt = db_query(cloud->db, "SELECT site, gateway FROM enrolments WHERE hash = ?"
                                        " AND used_s IS NULL AND until_s > ?",
                             "hi", hash, now_wall_ms() / 1000);
    enum step step = db_step(stmt);
    if (step != STEP_ROW)
        return step == STEP_DONE ? TOKEN_NONE : TOKEN_FAILED;
    snprintf(site, 65, "%s", db_text(stmt, 0));
    snprintf(gateway, 65, "%s", db_text(stmt, 1));
    bool fits = (!asked->site || strcmp(asked->site, site) == 0) &&
                (!asked->gateway || strcmp(asked->gateway, gateway) == 0);
    return fits ? TOKEN_GOOD : TOKEN_OTHER;
}

/* Only one call ever gets a true. */
static bool use_up(struct cloud *cloud, const struct asked *asked)
{
    unsigned char hash[32];
    hash_token(hash, asked->token);
    DB_STMT *stmt = db_query(cloud->db, "UPDATE enrolments SET used_s = ? WHERE hash = ?"
                                        " AND used_s IS NULL",
                             "ih", now_wall_ms() / 1000, hash);
    return db_step(stmt) == STEP_DONE && sqlite3_changes(cloud->db) == 1;
}

static void answer_enrolled(struct cloud *cloud, const char *site, const char *gateway,
                            const struct text *pem, struct answer *answer)
{
    struct text *out = &answer->body;
    struct text ca = {0};
    const struct signer nobody = {0};
    bool no_key = fault_take(&cloud->faults, FAULT_ENROL_NO_POLICY_KEY);
    answer->status = 200;
    answer->type = "application/json";
    add_ca(cloud, &ca);
    text_addf(out, "{\"site\":\"%s\",\"gateway\":\"%s\",", site, gateway);
    add_text(out, "certificate", text_bytes(pem));
    text_addf(out, ",");
    add_text(out, "ca", text_bytes(&ca));
    add_key(out, "policy_keys", no_key ? &nobody : &cloud->policy_key);
    add_key(out, "command_keys", &cloud->command_key);
    text_addf(out, "}\n");
    out->failed |= ca.failed;
    text_free(&ca);
}

static void enrol(struct cloud *cloud, const struct asked *asked, const char *site,
                  const char *gateway, struct answer *answer)
{
    struct text pem = {0};
    if (db_run(cloud->db, "BEGIN IMMEDIATE") && use_up(cloud, asked) &&
        make_certificate(cloud, asked, site, gateway, "enrol", &pem) &&
        db_run(cloud->db, "COMMIT")) {
        answer_enrolled(cloud, site, gateway, &pem, answer);
        if (fault_take(&cloud->faults, FAULT_ENDLESS_BODY))
            answer_endless(answer);
    } else {
        db_rollback(cloud->db);
        answer_failed(answer);
    }
    text_free(&pem);
}

void enrol_post(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    struct asked asked;
    char site[65], gateway[65];
    if (!enrols(cloud, answer))
        return;
    if (take_asked(call, true, &asked, answer)) {
        switch (look_up(cloud, &asked, site, gateway)) {
        case TOKEN_GOOD:
            enrol(cloud, &asked, site, gateway, answer);
            break;
        case TOKEN_NONE:
            answer_error(answer, 403, "the token is wrong, was used, or is too old");
            break;
        case TOKEN_OTHER:
            answer_error(answer, 409, "the token is for the site %s, gateway %s", site, gateway);
            break;
        case TOKEN_FAILED:
            answer_failed(answer);
            break;
        }
    }
    json_decref(asked.root);
}

void renew_post(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    struct asked asked = {0};
    struct text pem = {0};
    if (call_caller(call)->kind != CALLER_GATEWAY) {
        answer_error(answer, 403, "renewal needs the certificate that is to be renewed");
    } else if (take_asked(call, false, &asked, answer)) {
        if (make_certificate(cloud, &asked, call_arg(call, 0), call_arg(call, 1), "renew", &pem)) {
            answer->status = 200;
            answer->type = "application/json";
            text_addf(&answer->body, "{");
            add_text(&answer->body, "certificate", text_bytes(&pem));
            text_addf(&answer->body, "}\n");
            if (fault_take(&cloud->faults, FAULT_ENDLESS_BODY))
                answer_endless(answer);
        } else {
            answer_failed(answer);
        }
    }
    text_free(&pem);
    json_decref(asked.root);
}

/* --- what people and tests do ---------------------------------------------------------------- */

static bool read_ttl(const struct call *call, int64_t *ttl_s)
{
    json_error_t error;
    struct bytes body = call_body(call);
    *ttl_s = ENROL_TTL_MAX_S;
    if (body.len == 0)
        return true;
    json_t *root = json_loadb(body.at, body.len, JSON_REJECT_DUPLICATES, &error);
    const json_t *ttl = json_object_get(root, "ttl_s");
    bool good = json_is_object(root) && json_object_size(root) == (ttl != NULL);
    if (good && ttl) {
        *ttl_s = json_integer_value(ttl);
        good = json_is_integer(ttl) && *ttl_s >= 0 && *ttl_s <= ENROL_TTL_MAX_S;
    }
    json_decref(root);
    return good;
}

static bool keep_token(struct cloud *cloud, const struct call *call, const char *token,
                       int64_t now_s, int64_t until_s)
{
    unsigned char hash[32];
    hash_token(hash, token);
    DB_STMT *old = db_query(cloud->db, "DELETE FROM enrolments WHERE until_s < ?", "i",
                            now_s - ENROL_TTL_MAX_S);
    if (db_step(old) != STEP_DONE)
        return false;
    DB_STMT *stmt = db_query(cloud->db, "INSERT INTO enrolments VALUES(?, ?, ?, ?, NULL)", "htti",
                             hash, call_arg(call, 0), call_arg(call, 1), until_s);
    return db_step(stmt) == STEP_DONE;
}

void admin_new_token(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    unsigned char random[TOKEN_BYTES];
    char token[ENROL_TOKEN_TEXT], until[32], print[SHA256_TEXT];
    int64_t ttl_s, now_s = now_wall_ms() / 1000;
    if (!enrols(cloud, answer))
        return;
    if (!read_ttl(call, &ttl_s)) {
        answer_error(answer, 400, "the body must be empty or {\"ttl_s\":0 to %d}", ENROL_TTL_MAX_S);
        return;
    }
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(token, sizeof token, random, sizeof random);
    format_instant(until, now_s + ttl_s);
    if (certificate_fingerprint(cloud->ca_pem, print) &&
        keep_token(cloud, call, token, now_s, now_s + ttl_s))
        answer_json(answer, 200, "{\"token\":\"%s\",\"expires_at\":\"%s\",\"ca_sha256\":\"%s\"}\n",
                    token, until, print);
    else
        answer_failed(answer);
}

void admin_get_certificates(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    DB_STMT *stmt = db_query(cloud->db, "SELECT serial, how, from_s, until_s, seen_s IS NOT NULL"
                                        " FROM certificates WHERE site = ? AND gateway = ?"
                                        " ORDER BY rowid",
                             "tt", call_arg(call, 0), call_arg(call, 1));
    enum step step;
    char from[32], until[32];
    answer->status = 200;
    answer->type = "application/x-ndjson";
    while ((step = db_step(stmt)) == STEP_ROW) {
        format_instant(from, sqlite3_column_int64(stmt, 2));
        format_instant(until, sqlite3_column_int64(stmt, 3));
        text_addf(&answer->body,
                  "{\"serial\":\"%s\",\"how\":\"%s\",\"from\":\"%s\",\"until\":\"%s\",\"used\":%s}\n",
                  db_text(stmt, 0), db_text(stmt, 1), from, until,
                  sqlite3_column_int(stmt, 4) ? "true" : "false");
    }
    if (step == STEP_FAILED)
        answer_failed(answer);
}
