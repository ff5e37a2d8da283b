#include "app/syncd/renewal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "adapters/crypto/crypto.h"
#include "app/gatehoused/clock_start.h"
#include "app/log.h"
#include "app/syncd/lifetime.h"

#define CONNECT_MS 10000
#define IDLE_MS 20000
#define TOTAL_MS 60000
#define PATH_MAX_BYTES 256
#define REFUSED_REST_MS (10 * 60 * 1000) /* after what the same try would bring again */
#define LOOK_MS 60000 /* between two looks at the dates, at the most: the clock may be set */

void renewal_init(struct renewal *r, struct sync *sync, struct https *const *https,
                  struct identity *identity, uint64_t seed)
{
    *r = (struct renewal){.sync = sync, .https = https, .identity = identity};
    clock_start(&r->clock, sync->config);
    rhythm_init(&r->rhythm, seed);
}

/* --- calls ---------------------------------------------------------------------------------- */

static bool keep_piece(void *context, struct slice bytes)
{
    struct renewal *r = context;
    if (bytes.len > sizeof r->answer - r->answer_len)
        return false;
    memcpy(r->answer + r->answer_len, bytes.ptr, bytes.len);
    r->answer_len += bytes.len;
    return true;
}

static enum https_outcome call(struct renewal *r, const char *path, struct slice post,
                               struct https_response *out)
{
    const struct https_request request = {.path = path, .body = post, .post = post.len > 0,
                                          .connect_timeout_ms = CONNECT_MS,
                                          .idle_timeout_ms = IDLE_MS, .total_timeout_ms = TOTAL_MS,
                                          .max_bytes = sizeof r->answer, .piece = keep_piece,
                                          .context = r};
    r->answer_len = 0;
    return sync_call(r->sync, SYNC_RENEWAL, r->https[SYNC_RENEWAL], &request, out);
}

/* --- one try --------------------------------------------------------------------------------- */

/* It came to nothing; the rhythm has been told. */
__attribute__((format(printf, 2, 3))) static bool fail(struct renewal *r, const char *format, ...)
{
    char text[SYNC_TEXT_MAX];
    va_list args;
    if (sync_is_stopping(r->sync))
        return false;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c; c++) /* words of the cloud may be among them */
        if (*c < 0x20 || *c > 0x7e)
            *c = '?';
    if (strcmp(text, r->trouble) != 0)
        log_line(LOG_WARNING, "renewal: %s; trying again", text);
    memcpy(r->trouble, text, sizeof text);
    return false;
}

/* Each try costs the cloud a certificate. */
static void rest(struct renewal *r)
{
    r->rest = mono_add_ms(sync_now(), rhythm_spread_ms(&r->rhythm, REFUSED_REST_MS));
}

static bool fail_call(struct renewal *r, const char *what, enum https_outcome outcome,
                      const struct https_response *response)
{
    bool is_refused = outcome == HTTPS_DONE && response->status < 500 && response->status != 429;
    rhythm_failed(&r->rhythm, sync_now(), response->retry_after_s);
    if (is_refused)
        rest(r);
    if (outcome != HTTPS_DONE)
        return fail(r, "%s: %s", what, response->why);
    return fail(r, "%s: the cloud answers %d %.*s", what, response->status,
                (int)(response->body_len < 120 ? response->body_len : 120), response->body);
}

static bool ask(struct renewal *r, const struct request *request)
{
    const struct config *c = r->sync->config;
    char path[PATH_MAX_BYTES];
    size_t len;
    struct https_response response;
    char *body = enrolment_request(NULL, request->csr, c, &len);
    if (!body) {
        rhythm_failed(&r->rhythm, sync_now(), -1);
        return fail(r, "out of memory");
    }
    snprintf(path, sizeof path, "/v1/sites/%s/gateways/%s/renew", c->site.s, c->gateway.s);
    enum https_outcome outcome = call(r, path, slice_make(body, len), &response);
    free(body);
    return (outcome == HTTPS_DONE && response.status == 200) ||
           fail_call(r, "renew", outcome, &response);
}

/* Everything but whether the cloud takes it. */
static bool check(struct renewal *r, const struct request *request)
{
    int64_t now_s = linux_clock_now(&r->clock).wall.s;
    char *certificate = r->certificate;
    struct certificate_facts before, after;
    char why[ENROLMENT_WHY_MAX] = "";
    enum gh_err err =
        enrolment_parse_renewal(certificate, slice_make(r->answer, r->answer_len), why);
    if (!err)
        err = enrolment_check(certificate, request->key, r->identity->ca, r->sync->config, now_s, why);
    if (!err && (certificate_read(&before, slice_of(r->identity->certificate)) != GH_OK ||
                 certificate_read(&after, slice_of(certificate)) != GH_OK ||
                 after.not_after <= before.not_after)) {
        err = GH_INVALID;
        snprintf(why, sizeof why, "the new certificate ends no later than the present one");
    }
    if (!err)
        return true;
    rest(r);
    return fail(r, "%s", why);
}

static bool use(struct https *https, const char *certificate, const char *key)
{
    return https_use_certificate(https, slice_of(certificate), slice_of(key)) == GH_OK;
}

/* A first call with it. On failure our link shows the present one again. */
static bool is_taken(struct renewal *r, const struct request *request)
{
    char path[PATH_MAX_BYTES];
    struct https *own = r->https[SYNC_RENEWAL];
    struct https_response response = {.retry_after_s = -1, .why = "out of memory"};
    enum https_outcome outcome = HTTPS_FAULT;
    snprintf(path, sizeof path, "/v1/sites/%s/checkpoint", r->sync->config->site.s);
    if (use(own, r->certificate, request->key))
        outcome = call(r, path, slice_of(""), &response);
    if (outcome == HTTPS_DONE && enrolment_is_taken(response.status))
        return true;
    if (!use(own, r->identity->certificate, r->identity->key))
        log_line(LOG_ERR, "renewal: out of memory");
    return fail_call(r, "a first call with the new certificate", outcome, &response);
}

static bool keep(struct renewal *r, const struct request *request)
{
    const char *dir = r->sync->config->state_dir;
    struct identity *i = r->identity;
    enum gh_err err = identity_renew(i, dir, r->certificate, request->key);
    if (err) {
        rest(r);
        use(r->https[SYNC_RENEWAL], i->certificate, i->key);
        return fail(r, "%s/" IDENTITY_RENEWED_FILE " cannot be written: %s", dir, gh_err_name(err));
    }
    memcpy(i->certificate, r->certificate, sizeof i->certificate);
    snprintf(i->key, sizeof i->key, "%s", request->key);
    for (int k = 0; k < SYNC_RENEWAL; k++)
        if (!use(r->https[k], i->certificate, i->key))
            log_line(LOG_ERR, "renewal: out of memory: the old certificate serves until the next start");
    return true;
}

static void renew(struct renewal *r)
{
    const struct config *c = r->sync->config;
    struct request request;
    if (request_make(&request, c->site.s, c->gateway.s) != GH_OK) {
        rhythm_failed(&r->rhythm, sync_now(), -1);
        fail(r, "no key could be made");
        return;
    }
    if (ask(r, &request) && check(r, &request) && is_taken(r, &request) &&
        keep(r, &request)) {
        rhythm_succeeded(&r->rhythm);
        /* Also where the cloud gives one that is due again at once. */
        r->rest = mono_add_ms(sync_now(), LOOK_MS);
        r->trouble[0] = '\0';
        log_line(LOG_NOTICE, "renewal: the cloud gave us a new certificate");
    }
    request_forget(&request);
}

/* --- the activity ------------------------------------------------------------------------------ */

/* The facts of what we show now. */
static bool read_present(const struct renewal *r, struct certificate_facts *out)
{
    char text[IDENTITY_PEM_MAX];
    if (r->identity)
        return certificate_read(out, slice_of(r->identity->certificate)) == GH_OK;
    FILE *f = fopen(r->sync->config->cloud_cert_file, "re");
    size_t len = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        fclose(f);
    return certificate_read(out, slice_make(text, len)) == GH_OK;
}

static void tell(struct renewal *r, const struct certificate_facts *facts,
                 enum lifetime_phase phase)
{
    char until[INSTANT_TEXT], alarm[SYNC_TEXT_MAX] = "";
    instant_format(until, facts->not_after);
    const char *file = r->sync->config->cloud_cert_file;
    if (phase == LIFETIME_OVER && r->identity)
        snprintf(alarm, sizeof alarm, "it ended at %s: enrol this gateway anew (gatehousectl enrol "
                                      "--again)", until);
    else if (phase == LIFETIME_LOW && r->identity)
        snprintf(alarm, sizeof alarm, "it ends at %s, and is not renewed: %.150s", until,
                 r->trouble[0] ? r->trouble : "not yet");
    else if (phase == LIFETIME_OVER || phase == LIFETIME_LOW)
        snprintf(alarm, sizeof alarm, "it %s at %s: put a new one into %.120s",
                 phase == LIFETIME_OVER ? "ended" : "ends", until, file);
    sync_certificate(r->sync, facts->not_after, alarm);
}

/* Until the next try; 0 = now. */
static int64_t try_wait_ms(const struct renewal *r)
{
    struct mono now = sync_now();
    int64_t wait_ms = rhythm_wait_ms(&r->rhythm, now), rest_ms = r->rest.ms - now.ms;
    return wait_ms > rest_ms ? wait_ms : rest_ms;
}

/* One look; milliseconds until the next. */
static int64_t look(struct renewal *r)
{
    struct certificate_facts facts;
    struct now now = linux_clock_now(&r->clock);
    if (!read_present(r, &facts))
        return LOOK_MS;
    enum lifetime_phase phase = lifetime_phase(facts.not_before, facts.not_after, now.wall);
    bool is_due = r->identity && phase >= LIFETIME_DUE;
    if (is_due && try_wait_ms(r) <= 0) {
        renew(r);
        if (!read_present(r, &facts))
            return LOOK_MS;
        now = linux_clock_now(&r->clock);
        phase = lifetime_phase(facts.not_before, facts.not_after, now.wall);
        is_due = phase >= LIFETIME_DUE;
    }
    tell(r, &facts, phase);
    int64_t left_s = lifetime_left_s(facts.not_before, facts.not_after, now.wall);
    int64_t wait_ms = left_s < LOOK_MS / 1000 ? left_s * 1000 : LOOK_MS;
    int64_t try_ms = is_due ? try_wait_ms(r) : wait_ms;
    return try_ms < wait_ms ? try_ms : wait_ms;
}

void *renewal_run(void *renewal)
{
    struct renewal *r = renewal;
    int64_t wait_ms = 0;
    do {
        wait_ms = look(r);
        sync_promise(r->sync, SYNC_RENEWAL, wait_ms + SYNC_WORK_MS);
    } while (sync_sleep(r->sync, wait_ms > 100 ? wait_ms : 100));
    return NULL;
}
