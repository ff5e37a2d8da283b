/* enrol URL: makes this box the gateway of its configuration to the cloud. A key is made here and
 * never leaves; a one-time token and a request for it bring the certificate and the keys to pin.
 *
 * Nothing is written before the answer was checked and the cloud has taken the new certificate. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "adapters/crypto/crypto.h"
#include "adapters/curl/https.h"
#include "adapters/openssl/chain.h"
#include "app/config_values.h"
#include "app/ctl/ctl.h"
#include "app/ctl/interrupt.h"
#include "app/ctl/passphrase.h"
#include "app/enrolment.h"
#include "app/state.h"
#include "core/clock.h"

#define CONNECT_MS 10000
#define IDLE_MS 20000
#define TOTAL_MS 60000

struct enrol {
    const struct ctl *ctl;
    const struct config *config;
    char url[CONFIG_PATH_MAX];
    char pinned_ca[CONFIG_PATH_MAX]; /* of an enrolment before */
    char ca[IDENTITY_CA_MAX];        /* whom the first contact believes */
    struct request request;
    char token[PASSPHRASE_MAX + 1];
    struct enrolment answer;
    char body[ENROLMENT_ANSWER_MAX]; /* of the last call */
    size_t body_len;
    char why[700];
};

__attribute__((format(printf, 2, 3))) static bool fail(struct enrol *e, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(e->why, sizeof e->why, format, args);
    va_end(args);
    /* Words of the cloud may be among them. */
    for (char *c = e->why; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    return false;
}

/* --- before anything is sent --------------------------------------------------------------- */

static bool check_url(struct enrol *e, const char *url)
{
    const struct config *c = e->config;
    if (c->cloud_url[0] && !c->is_enrolled)
        return fail(e, "%s: [cloud] names files beside \"url\": leave \"url\" alone there, and the "
                       "enrolment brings the others", e->ctl->config_path);
    const char *allowed = url ? config_set_url(e->url, slice_of(url)) : NULL;
    if (allowed)
        return fail(e, "%s: the address of the cloud %s", url, allowed);
    if (c->cloud_url[0] && url && strcmp(url, c->cloud_url) != 0)
        return fail(e, "%s says url = %s, and this is %s: put right which of the two is wrong",
                    e->ctl->config_path, c->cloud_url, url);
    if (!url)
        memcpy(e->url, c->cloud_url, sizeof e->url);
    return e->url[0] || fail(e, "which cloud? gatehousectl enrol https://HOST:PORT");
}

static bool check_place(struct enrol *e)
{
    const struct config *c = e->config;
    struct stat st;
    char parent[CONFIG_PATH_MAX], cert[CONFIG_PATH_MAX];
    if (!config_path(cert, c->cloud_dir, CONFIG_CERT_FILE) ||
        !config_path(e->pinned_ca, c->cloud_dir, CONFIG_CA_FILE))
        return fail(e, "%s: the path is too long", c->cloud_dir);
    snprintf(parent, sizeof parent, "%s", c->cloud_dir);
    char *end = strrchr(parent, '/');
    *(end == parent ? end + 1 : end) = '\0';
    if (access(cert, F_OK) == 0 && !e->ctl->again)
        return fail(e, "this gateway is enrolled, by %s: --again does it anew, and the old "
                       "certificate is given up", c->cloud_dir);
    if (state_is_being_reset(c->state_dir))
        return fail(e, "%s: " STATE_RESET_HELP, c->state_dir);
    if (stat(c->state_dir, &st) != 0)
        return fail(e, "%s: %s: start gatehoused once, it makes it", c->state_dir, strerror(errno));
    if (access(parent, W_OK | X_OK) != 0)
        return fail(e, "%s: %s%s", parent, strerror(errno), errno == EACCES ? ": do it as root" : "");
    return true;
}

/* --- calls ----------------------------------------------------------------------------------- */

static bool keep_piece(void *context, struct slice bytes)
{
    struct enrol *e = context;
    if (bytes.len > sizeof e->body - e->body_len)
        return false;
    memcpy(e->body + e->body_len, bytes.ptr, bytes.len);
    e->body_len += bytes.len;
    return true;
}

static enum https_outcome call(struct enrol *e, struct https *h, const char *path,
                               struct slice post, struct https_response *r)
{
    const struct https_request request = {.path = path, .body = post, .post = post.len > 0,
                                          .connect_timeout_ms = CONNECT_MS,
                                          .idle_timeout_ms = IDLE_MS, .total_timeout_ms = TOTAL_MS,
                                          .max_bytes = sizeof e->body, .piece = keep_piece,
                                          .context = e};
    e->body_len = 0;
    return https_call(h, &request, r);
}

/* A call that had no answer. */
static bool fail_unheard(struct enrol *e, const struct https_response *r)
{
    char now[INSTANT_TEXT];
    instant_format(now, (int64_t)time(NULL));
    if (strstr(r->why, "not yet valid") || strstr(r->why, "expired"))
        return fail(e, "%s: %s; the clock of this box says %s: is that right?", e->url, r->why, now);
    if (strstr(r->why, "certificate"))
        return fail(e, "%s: %s: is it the right CA, and the right address?", e->url, r->why);
    return fail(e, "%s: %s", e->url, r->why);
}

/* The cloud's own words for a refusal. */
static bool fail_refused(struct enrol *e, const struct https_response *r)
{
    struct slice words = slice_of("it gives no reason");
    const struct config *c = e->config;
    struct json *v = json_parse_object(slice_make(r->body, r->body_len), NULL, 0);
    if (v)
        json_text(v, "error", &words);
    int len = words.len < 200 ? (int)words.len : 200;
    if (r->status == 403)
        fail(e, "the cloud refuses the token: it is wrong, was used, or is older than ten minutes: get a "
                "new one");
    else if (r->status == 409)
        fail(e, "the cloud answers: %.*s; %s says site %s, gateway %s", len, words.ptr,
             e->ctl->config_path, c->site.s, c->gateway.s);
    else if (r->status == 404)
        fail(e, "%s: there is no enrolment: %.*s", e->url, len, words.ptr);
    else if (r->status == 429 || r->status >= 500)
        fail(e, "the cloud cannot do it now (%d): try again, the token may still be good", r->status);
    else
        fail(e, "the cloud answers %d: %.*s", r->status, len, words.ptr);
    json_free(v);
    return false;
}

static bool open_link(struct enrol *e, struct https **out, const struct https_options *o)
{
    char why[200];
    return https_open(out, o, why, sizeof why) == GH_OK || fail(e, "%s: %s", e->url, why);
}

/* --- whom to believe --------------------------------------------------------------------------- */

static bool take_ca_file(struct enrol *e, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return fail(e, "%s: %s", path, strerror(errno));
    e->body_len = fread(e->body, 1, sizeof e->body, f);
    bool read = !ferror(f);
    fclose(f);
    if (!read)
        return fail(e, "%s: it cannot be read", path);
    return chain_copy(e->ca, sizeof e->ca, slice_make(e->body, e->body_len), NULL) == GH_OK ||
           fail(e, "%s: it must hold 1 to %d certificates (PEM)", path, CHAIN_CERTIFICATES_MAX);
}

/* 64 hex digits, in pairs with or without a colon between them. */
static bool take_print(char out[CERTIFICATE_HASH_TEXT], const char *text)
{
    size_t n = 0;
    for (; *text && n < CERTIFICATE_HASH_TEXT - 1; text++) {
        char c = *text;
        if (c >= 'A' && c <= 'F')
            c = (char)(c - 'A' + 'a');
        if (c == ':' && n > 0 && n % 2 == 0)
            continue;
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n == CERTIFICATE_HASH_TEXT - 1 && !*text;
}

/* Whoever answers may say what the authorities are: the one that has the fingerprint is the one
 * that was meant, and no other is believed. */
static bool fetch_ca(struct enrol *e, const char *text)
{
    char print[CERTIFICATE_HASH_TEXT];
    struct https *h = NULL;
    struct https_response r;
    if (!take_print(print, text))
        return fail(e, "--ca-sha256: must be the SHA-256 of the CA's certificate, 64 hex digits");
    if (!open_link(e, &h, &(struct https_options){.base_url = e->url, .anyone = true}))
        return false;
    enum https_outcome outcome = call(e, h, "/v1/ca", slice_of(""), &r);
    https_close(h);
    if (outcome != HTTPS_DONE)
        return fail_unheard(e, &r);
    if (r.status != 200)
        return fail(e, "%s: it does not show its CA (%d): use --ca FILE", e->url, r.status);
    return chain_copy(e->ca, sizeof e->ca, slice_make(e->body, e->body_len), print) == GH_OK ||
           fail(e, "%s: its CA does not have this fingerprint: is the address right, and each digit? "
                   "Otherwise somebody else answers there", e->url);
}

static bool find_ca(struct enrol *e)
{
    const struct ctl *ctl = e->ctl;
    if (ctl->ca && ctl->ca_sha256)
        return fail(e, "--ca and --ca-sha256: give one of them");
    if (ctl->ca)
        return take_ca_file(e, ctl->ca);
    if (ctl->ca_sha256)
        return fetch_ca(e, ctl->ca_sha256);
    if (ctl->again && access(e->pinned_ca, F_OK) == 0)
        return take_ca_file(e, e->pinned_ca);
    return fail(e, "who is to be believed? --ca-sha256 HEX, which the cloud shows beside the token, or "
                   "--ca FILE, the CA's certificate");
}

/* --- the enrolment ------------------------------------------------------------------------------ */

static bool read_token(struct enrol *e)
{
    if (!secret_read("token", "token of the enrolment", e->token))
        return false;
    interrupt_let(); /* from here on a kill leaves nothing to take back */
    size_t len = strlen(e->token);
    while (len > 0 && (e->token[len - 1] == '\r' || e->token[len - 1] == ' '))
        e->token[--len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (e->token[i] <= ' ' || e->token[i] > '~')
            len = 0;
    return len > 0 || fail(e, "the token must be visible characters, as the cloud shows it");
}

static bool ask_for_certificate(struct enrol *e)
{
    size_t len;
    struct https *h = NULL;
    struct https_response r;
    const struct https_options o = {.base_url = e->url, .ca_pem = slice_of(e->ca)};
    char *request = enrolment_request(e->token, e->request.csr, e->config, &len);
    if (!request)
        return fail(e, "out of memory");
    bool good = open_link(e, &h, &o);
    if (good) {
        enum https_outcome outcome = call(e, h, "/v1/enrol", slice_make(request, len), &r);
        if (outcome == HTTPS_TOO_LARGE || outcome == HTTPS_STOPPED)
            good = fail(e, "%s: its answer is larger than an enrolment may be", e->url);
        else if (outcome != HTTPS_DONE)
            good = fail_unheard(e, &r);
        else if (r.status != 200)
            good = fail_refused(e, &r);
    }
    https_close(h);
    crypto_forget(request, len);
    free(request);
    return good;
}

static bool check_answer(struct enrol *e)
{
    const struct config *c = e->config;
    char why[ENROLMENT_WHY_MAX] = "";
    struct enrolment *a = &e->answer;
    if (enrolment_parse(a, slice_make(e->body, e->body_len), why) != GH_OK)
        return fail(e, "%s", why);
    if (!id_equal(&a->site, &c->site) || !id_equal(&a->gateway, &c->gateway))
        return fail(e, "the cloud has enrolled the site %s, gateway %s; %s says site %s, gateway %s",
                    a->site.s, a->gateway.s, e->ctl->config_path, c->site.s, c->gateway.s);
    return enrolment_check(a->certificate, e->request.key, a->ca, c, (int64_t)time(NULL), why) ==
               GH_OK ||
           fail(e, "%s", why);
}

/* A first call with all that is new. */
static bool try_certificate(struct enrol *e)
{
    char path[sizeof "/v1/sites//checkpoint" + ID_MAX];
    struct https *h = NULL;
    struct https_response r;
    const struct https_options o = {.base_url = e->url, .ca_pem = slice_of(e->answer.ca)};
    snprintf(path, sizeof path, "/v1/sites/%s/checkpoint", e->config->site.s);
    if (!open_link(e, &h, &o))
        return false;
    bool good = https_use_certificate(h, slice_of(e->answer.certificate),
                                      slice_of(e->request.key)) == GH_OK ||
                fail(e, "out of memory");
    if (good) {
        enum https_outcome outcome = call(e, h, path, slice_of(""), &r);
        if (outcome != HTTPS_DONE)
            good = fail(e, "a first call with the new certificate: %s", r.why);
        else if (!enrolment_is_taken(r.status))
            good = fail(e, "a first call with the new certificate: the cloud answers %d", r.status);
    }
    https_close(h);
    return good;
}

static bool store(struct enrol *e)
{
    char why[IDENTITY_WHY_MAX];
    const struct enrolment *a = &e->answer;
    const struct identity_files files = {.ca = a->ca,
                                         .certificate = a->certificate,
                                         .key = e->request.key,
                                         .policy_keys = a->policy_keys,
                                         .command_keys = a->command_keys[0] ? a->command_keys : NULL};
    return identity_store(&files, e->config, why) || fail(e, "%s", why);
}

static void report(const struct enrol *e)
{
    const struct config *c = e->config;
    struct certificate_facts facts;
    char until[INSTANT_TEXT] = "?";
    if (certificate_read(&facts, slice_of(e->answer.certificate)) == GH_OK)
        instant_format(until, facts.not_after);
    printf("This box is the gateway %s of the site %s at %s now.\n"
           "Its certificate is good until %s; gatehouse-syncd renews it before.\n",
           c->gateway.s, c->site.s, e->url, until);
    if (!e->answer.command_keys[0])
        printf("The cloud named no command keys: none of its commands is done.\n");
    if (!c->cloud_url[0])
        printf("Add to %s:\n  [cloud]\n  url = %s\n", e->ctl->config_path, e->url);
    printf("%s gatehoused and gatehouse-syncd, which read this when they start.\n",
           c->cloud_url[0] ? "Restart" : "Then restart");
}

int ctl_enrol(const struct ctl *ctl, const struct config *config, const char *url)
{
    static struct enrol e;
    e = (struct enrol){.ctl = ctl, .config = config};
    bool good = check_url(&e, url) && check_place(&e) && find_ca(&e) && read_token(&e);
    if (good && request_make(&e.request, config->site.s, config->gateway.s) != GH_OK)
        good = fail(&e, "no key could be made");
    good = good && ask_for_certificate(&e);
    bool is_used = good; /* the token */
    good = good && check_answer(&e) && try_certificate(&e) && store(&e);
    if (good)
        report(&e);
    else if (e.why[0])
        fprintf(stderr, "gatehousectl: %s%s\n", e.why,
                is_used ? "; nothing was changed, but the token is used up" : "");
    crypto_forget(&e, sizeof e);
    return good ? CTL_DONE : CTL_REFUSED;
}
