#include "changes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "gz.h"
#include "store.h"

/* A cursor is "EPOCH.REV.SERIAL", for gateways an opaque text: the place of a
 * checkpoint, and which of the checkpoints issued for that place it is. The
 * ETag of a checkpoint is its cursor. "EPOCH.REV" is taken as well: the place
 * is known, but whether its newest checkpoint is, is not. */
struct cursor {
    long long epoch, rev, serial;
};

static bool cursor_parse(struct cursor *out, const char *s)
{
    long long part[3] = {0};
    int parts = 0;
    for (;;) {
        size_t len = strcspn(s, ".");
        if (parts == 3 || !parse_number(s, len, 1LL << 53, &part[parts]))
            return false;
        parts++;
        s += len;
        if (!*s)
            break;
        s++;
    }
    *out = (struct cursor){part[0], part[1], part[2]};
    return parts >= 2;
}

/* --- checkpoints -------------------------------------------------------------- */

/* Faults: the policy as it was one rev ago, or as the epoch before ended, with its true digest.
 * Where there is none, rev 0: nothing. */
static void go_back(struct cloud *cloud, const char *name, struct site *s)
{
    int64_t rev = s->rev;
    if (fault_take(&cloud->faults, FAULT_OLDER_REV))
        rev = s->rev > s->floor ? s->rev - 1 : 0;
    if (fault_take(&cloud->faults, FAULT_OLDER_EPOCH)) {
        /* A new epoch begins with the rows with which the last one ended. */
        rev = s->epoch > 1 ? s->floor : 0;
        if (rev > 0 && store_rewind(cloud->db, name, rev, s) == STORE_OK) {
            s->epoch--;
            s->rev = rev - 1;
        }
    }
    if (rev < s->rev && store_rewind(cloud->db, name, rev, s) != STORE_OK)
        fprintf(stderr, "changes: the policy of an earlier rev cannot be read\n");
}

/* Adds the members of a checkpoint, the braces left to the caller. */
static void write_checkpoint(struct cloud *cloud, struct text *out, const char *site,
                             const struct site *now, bool wrong)
{
    char issued_at[32], sig[SIGN_TEXT], digest[DIGEST_HEX + 1];
    struct text signed_text = {0};
    struct site place = *now;
    const struct site *s = &place;
    go_back(cloud, site, &place);
    format_instant(issued_at, s->issued_at_s);
    memcpy(digest, s->digest, sizeof digest);
    if (wrong)
        digest[0] = digest[0] == '0' ? '1' : '0';
    text_addf(&signed_text, "gatehouse-checkpoint\n%s\n%lld\n%lld\n%d\n%lld\n%s\n%s", site,
              (long long)s->epoch, (long long)s->rev, CLOUD_SCHEMA, (long long)s->rows, digest,
              issued_at);
    signer_sign(&cloud->policy_key, text_bytes(&signed_text),
                fault_take(&cloud->faults, FAULT_WRONG_SIGNATURE), sig);
    text_free(&signed_text);
    if (fault_take(&cloud->faults, FAULT_UNSIGNED))
        sig[0] = '\0';
    text_addf(out,
              "\"epoch\":%lld,\"rev\":%lld,\"schema\":%d,\"rows\":%lld,\"digest\":\"%s\","
              "\"snapshot\":\"/v1/sites/%s/snapshots/%lld/%lld\",\"issued_at\":\"%s\",\"sig\":\"%s\"",
              (long long)s->epoch, (long long)s->rev, CLOUD_SCHEMA, (long long)s->rows, digest,
              site, (long long)s->epoch, (long long)s->rev, issued_at, sig);
}

/* Reads the site and, when its checkpoint has grown old, issues a fresh one.
 * *fresh_until_ms (now_mono_ms) is when that will be due again. */
static enum store_result current_site(struct cloud *cloud, const char *name, struct site *s,
                                      int64_t *fresh_until_ms)
{
    int64_t every_s = cloud->checkpoint_every_s;
    int64_t now_ms = now_wall_ms();
    enum store_result result = store_site(cloud->db, name, s);
    /* The absolute value: a clock that was set back must not stop the issuing. */
    if (result == STORE_OK && llabs(now_ms / 1000 - s->issued_at_s) >= every_s) {
        result = store_issue(cloud->db, name, now_ms / 1000);
        if (result == STORE_OK)
            result = store_site(cloud->db, name, s);
    }
    if (result == STORE_OK)
        *fresh_until_ms = now_mono_ms() + (s->issued_at_s + every_s) * 1000 - now_ms + 1;
    return result;
}

void checkpoint_get(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    struct site s;
    int64_t fresh_until_ms;
    enum store_result result = current_site(cloud, site, &s, &fresh_until_ms);
    if (result == STORE_NONE) {
        answer_error(answer, 404, "this site has no policy yet");
        return;
    }
    if (result != STORE_OK) {
        answer_failed(answer);
        return;
    }
    bool wrong = fault_take(&cloud->faults, FAULT_WRONG_DIGEST);
    const char *known = call_header(call, "If-None-Match");
    snprintf(answer->etag, sizeof answer->etag, "\"%lld.%lld.%lld\"", (long long)s.epoch,
             (long long)s.rev, (long long)s.serial);
    answer->type = "application/json";
    if (known && !wrong && strstr(known, answer->etag)) {
        answer->status = 304;
        return;
    }
    answer->status = 200;
    text_addf(&answer->body, "{");
    write_checkpoint(cloud, &answer->body, site, &s, wrong);
    text_addf(&answer->body, "}\n");
    if (fault_take(&cloud->faults, FAULT_ENDLESS_BODY))
        answer_endless(answer);
}

/* --- changes --------------------------------------------------------------------- */

static bool write_denial(void *context, const struct version *v)
{
    struct text line = {0};
    text_addf(&line, "{\"t\":\"deny\",\"k\":\"%s\",\"id\":\"%s\",\"reason\":\"%s\",\"rev\":%lld}\n",
              v->k, v->id, v->deny == 2 ? "removed" : "disabled", (long long)v->rev);
    gz_write(context, line.at, line.len);
    bool done = !line.failed;
    text_free(&line);
    return done;
}

static bool write_row(void *context, const struct version *v)
{
    gz_write(context, v->line.at, v->line.len);
    gz_write(context, "\n", 1);
    return true;
}

static void write_command(void *context, struct bytes line)
{
    gz_write(context, line.at, line.len);
    gz_write(context, "\n", 1);
}

struct poll {
    struct cursor since;
    long long wait_s;
    struct cursor applied;
    const char *digest; /* of what is applied; NULL = not told */
};

/* The rows and the checkpoint, made when what has effect at once has gone out. */
struct change_set {
    struct rest rest;
    struct cloud *cloud;
    struct gz gz;
    struct site site; /* as it was when the call was answered */
    char name[128];
    int64_t since;
    bool endless;
    bool is_part; /* no checkpoint stands at its end */
};

static bool add_rows(struct rest *rest, struct text *body)
{
    static const char INVALID_ROW[] =
        "{\"k\":\"door\",\"id\":\"fault-invalid-row\",\"d\":{\"factors\":\"no_such_factor\"}}\n";
    struct change_set *c = (struct change_set *)rest;
    struct faults *faults = &c->cloud->faults;
    struct text line = {0};
    c->gz.out = body;
    if (fault_take(faults, FAULT_INVALID_ROW))
        gz_write(&c->gz, INVALID_ROW, sizeof INVALID_ROW - 1);
    bool good = store_changes(c->cloud->db, c->name, c->since, c->site.rev, write_row, &c->gz) ==
                STORE_OK;
    if (!c->endless && !c->is_part) { /* else the checkpoint never comes */
        text_addf(&line, "{\"t\":\"checkpoint\",");
        write_checkpoint(c->cloud, &line, c->name, &c->site, fault_take(faults, FAULT_WRONG_DIGEST));
        text_addf(&line, "}\n");
    }
    gz_write(&c->gz, line.at, line.len);
    good = good && !line.failed;
    text_free(&line);
    gz_end(&c->gz);
    return good;
}

static void free_rows(struct rest *rest)
{
    struct change_set *c = (struct change_set *)rest;
    if (!c->gz.plain)
        deflateEnd(&c->gz.z);
    free(c);
}

/* The change set: head, deny lines and commands at once, rows and checkpoint behind them. It
 * always reaches the newest rev, so "more" is false, unless a fault wants a part. */
static void write_changes(struct cloud *cloud, const struct call *call, const struct site *s,
                          const struct poll *p, struct answer *answer)
{
    static const char ENDLESS_ROW[] = "{\"k\":\"group\",\"id\":\"fault-endless\",\"d\":{}}\n";
    bool endless = fault_take(&cloud->faults, FAULT_ENDLESS_BODY);
    bool compress = !endless && call_accepts_gzip(call);
    struct text line = {0};
    struct change_set *c = calloc(1, sizeof *c);
    if (!c) {
        answer_failed(answer);
        return;
    }
    *c = (struct change_set){.rest = {add_rows, free_rows},
                             .cloud = cloud,
                             .site = *s,
                             .since = p->since.rev,
                             .endless = endless,
                             .is_part = fault_take(&cloud->faults, FAULT_NO_CHECKPOINT)};
    snprintf(c->name, sizeof c->name, "%s", call_arg(call, 0));
    gz_begin(&c->gz, &answer->body, compress);
    text_addf(&line,
              "{\"t\":\"head\",\"epoch\":%lld,\"next\":\"%lld.%lld.%lld\",\"more\":%s}\n",
              (long long)s->epoch, (long long)s->epoch, (long long)s->rev, (long long)s->serial,
              c->is_part ? "true" : "false");
    gz_write(&c->gz, line.at, line.len);
    if (line.failed || store_denials(cloud->db, c->name, c->since, write_denial, &c->gz) != STORE_OK ||
        !commands_due(cloud, c->name, call_came_us(call), write_command, &c->gz))
        answer->body.failed = true; /* the server answers 500 */
    gz_flush(&c->gz);
    text_free(&line);
    answer->rest = &c->rest;
    answer->endless = endless ? ENDLESS_ROW : NULL;
    answer->status = 200;
    answer->type = "application/x-ndjson";
    answer->gzip = compress;
    int64_t cut_at = fault_take_value(&cloud->faults, FAULT_TRUNCATE_CHANGES_AT);
    if (cut_at > 0)
        answer->cut_at = cut_at;
}

/* false: answered already. */
static bool read_poll(struct poll *out, const struct call *call, struct answer *answer)
{
    const char *since = call_query(call, "since");
    const char *wait = call_query(call, "wait");
    const char *applied = call_query(call, "applied");
    const char *schema = call_query(call, "schema");
    long long number = 0;
    *out = (struct poll){.digest = call_query(call, "digest")};
    if (!schema || !parse_number(schema, strlen(schema), 1000000, &number))
        answer_error(answer, 400, "schema must be a number");
    else if (number != CLOUD_SCHEMA)
        answer_error(answer, 426, "this server speaks schema %d", CLOUD_SCHEMA);
    else if (wait && !parse_number(wait, strlen(wait), 1000000, &out->wait_s))
        answer_error(answer, 400, "wait must be a number of seconds");
    else if (!since || !*since)
        answer_error(answer, 410, "without a cursor, load the snapshot first");
    else if (!cursor_parse(&out->since, since))
        answer_error(answer, 400, "since is not a cursor of this server");
    else if (applied && *applied && !cursor_parse(&out->applied, applied))
        answer_error(answer, 400, "applied is not a cursor of this server");
    else
        return true;
    return false;
}

/* Does the gateway's own account of what it holds contradict ours? */
static bool has_drifted(const struct poll *p, const struct site *s)
{
    return p->digest && strlen(p->digest) == DIGEST_HEX && p->applied.epoch == s->epoch &&
           p->applied.rev == s->rev && strcmp(p->digest, s->digest) != 0;
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

void changes_get(struct cloud *cloud, const struct call *call, struct answer *answer)
{
    const char *site = call_arg(call, 0);
    struct poll p;
    struct site s;
    int64_t fresh_until_ms;
    if (!read_poll(&p, call, answer))
        return;
    enum store_result result = current_site(cloud, site, &s, &fresh_until_ms);
    int64_t count = result == STORE_OK ? store_count_changes(cloud->db, site, p.since.rev) : 0;
    int64_t wait_ms = (p.wait_s < WAIT_MAX_S ? p.wait_s : WAIT_MAX_S) * 1000;
    int64_t until_ms = call_started_ms(call) + wait_ms;
    int64_t command_ms = INT64_MAX;
    bool commands =
        result == STORE_OK && commands_are_due(cloud, site, call_came_us(call), &command_ms);

    if (result == STORE_NONE)
        answer_error(answer, 404, "this site has no policy yet");
    else if (result != STORE_OK || count < 0)
        answer_failed(answer);
    else if (p.since.epoch != s.epoch)
        answer_error(answer, 409, "the epoch is %lld now: load the snapshot",
                     (long long)s.epoch);
    else if (p.since.rev > s.rev)
        answer_error(answer, 409, "since lies ahead of this server: load the snapshot");
    else if (p.since.rev < s.floor || count > CHANGES_MAX)
        answer_error(answer, 410, "since is too old: load the snapshot");
    else if (has_drifted(&p, &s))
        answer_error(answer, 410, "the digest of what is applied differs: load the snapshot");
    else if (p.since.rev < s.rev || p.since.serial < s.serial || commands)
        write_changes(cloud, call, &s, &p, answer);
    else if (now_mono_ms() >= until_ms)
        answer->status = 204;
    else
        answer->wait_until_ms = earliest(until_ms, earliest(fresh_until_ms, command_ms));
}
