#include "app/enrolment.h"

#include <stdarg.h>
#include <stdio.h>

#include "adapters/json/json.h"
#include "adapters/openssl/chain.h"
#include "core/clock.h"

__attribute__((format(printf, 2, 3))) static enum gh_err refuse(char why[ENROLMENT_WHY_MAX],
                                                                const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, ENROLMENT_WHY_MAX, format, args);
    va_end(args);
    return GH_INVALID;
}

/* --- the answers --------------------------------------------------------------------------- */

static enum gh_err take_certificates(char *out, size_t size, const struct json *v, const char *name,
                                     char why[ENROLMENT_WHY_MAX])
{
    struct slice pem;
    if (!json_text(v, name, &pem))
        return refuse(why, "the cloud's answer has no \"%s\"", name);
    enum gh_err err = chain_copy(out, size, pem, NULL);
    if (err == GH_FULL)
        return refuse(why, "\"%s\" in the cloud's answer is too large", name);
    return err ? refuse(why, "\"%s\" in the cloud's answer must be 1 to %d certificates (PEM)", name,
                        CHAIN_CERTIFICATES_MAX)
               : GH_OK;
}

static enum gh_err take_id(struct id *out, const struct json *v, const char *name,
                           char why[ENROLMENT_WHY_MAX])
{
    struct slice text;
    if (json_text(v, name, &text) && id_set(out, text) == GH_OK)
        return GH_OK;
    return refuse(why, "the cloud's answer has no \"%s\"", name);
}

static bool is_key(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return text.len == 2 * SIGN_KEY_LEN;
}

/* A line for each key. */
static enum gh_err take_keys(char out[ENROLMENT_KEYS_MAX], const struct json *v, const char *name,
                             char why[ENROLMENT_WHY_MAX])
{
    size_t n = json_array_len(v, name), len = 0;
    struct slice key;
    out[0] = '\0';
    if (json_has(v, name) && !json_has_array(v, name))
        return refuse(why, "\"%s\" in the cloud's answer is no list of keys", name);
    if (n > SIGN_KEYS_MAX)
        return refuse(why, "\"%s\" in the cloud's answer names more than %d keys", name, SIGN_KEYS_MAX);
    for (size_t i = 0; i < n; i++) {
        if (!json_array_text(v, name, i, &key) || !is_key(key))
            return refuse(why, "a key in \"%s\" of the cloud's answer is not 64 hex digits", name);
        len += (size_t)snprintf(out + len, ENROLMENT_KEYS_MAX - len, "%.*s\n", (int)key.len, key.ptr);
    }
    return GH_OK;
}

static enum gh_err take_enrolment(struct enrolment *out, const struct json *v,
                                  char why[ENROLMENT_WHY_MAX])
{
    enum gh_err err = take_id(&out->site, v, "site", why);
    if (!err)
        err = take_id(&out->gateway, v, "gateway", why);
    if (!err)
        err = take_certificates(out->certificate, sizeof out->certificate, v, "certificate", why);
    if (!err)
        err = take_certificates(out->ca, sizeof out->ca, v, "ca", why);
    if (!err)
        err = take_keys(out->policy_keys, v, "policy_keys", why);
    if (!err && !out->policy_keys[0])
        err = refuse(why, "the cloud's answer has no \"policy_keys\": nobody's policy would be believed");
    if (!err)
        err = take_keys(out->command_keys, v, "command_keys", why);
    return err;
}

enum gh_err enrolment_parse(struct enrolment *out, struct slice answer,
                            char why[ENROLMENT_WHY_MAX])
{
    struct enrolment taken;
    struct json *v = json_parse_object(answer, NULL, 0);
    enum gh_err err = v ? take_enrolment(&taken, v, why)
                        : refuse(why, "the cloud's answer is no JSON object");
    json_free(v);
    if (!err)
        *out = taken;
    return err;
}

enum gh_err enrolment_parse_renewal(char certificate[IDENTITY_PEM_MAX], struct slice answer,
                                    char why[ENROLMENT_WHY_MAX])
{
    struct json *v = json_parse_object(answer, NULL, 0);
    enum gh_err err = v ? take_certificates(certificate, IDENTITY_PEM_MAX, v, "certificate", why)
                        : refuse(why, "the cloud's answer is no JSON object");
    json_free(v);
    return err;
}

/* --- the certificate ------------------------------------------------------------------------- */

static enum gh_err check_dates(const char *certificate, int64_t now_s, char why[ENROLMENT_WHY_MAX])
{
    struct certificate_facts facts;
    char now[INSTANT_TEXT], bound[INSTANT_TEXT];
    if (certificate_read(&facts, slice_of(certificate)) != GH_OK)
        return refuse(why, "the certificate cannot be read");
    instant_format(now, now_s);
    bool is_early = now_s < facts.not_before - ENROLMENT_SKEW_S;
    if (!is_early && now_s < facts.not_after)
        return GH_OK;
    instant_format(bound, is_early ? facts.not_before : facts.not_after);
    return refuse(why, "the certificate %s %s, and the clock of this box says %s: which of the two is "
                       "wrong?", is_early ? "is not valid before" : "ended at", bound, now);
}

enum gh_err enrolment_check(const char *certificate, const char *key, const char *ca,
                            const struct config *config, int64_t now_s,
                            char why[ENROLMENT_WHY_MAX])
{
    switch (chain_check(slice_of(certificate), slice_of(key), slice_of(ca), config->site.s,
                        config->gateway.s)) {
    case CHAIN_GOOD:
        return check_dates(certificate, now_s, why);
    case CHAIN_UNREADABLE:
        return refuse(why, "the certificate cannot be read");
    case CHAIN_OTHER_KEY:
        return refuse(why, "the certificate is for another key than ours");
    case CHAIN_OTHER_NAME:
        return refuse(why, "the certificate is not for the site %s (O) and the gateway %s (CN)",
                      config->site.s, config->gateway.s);
    case CHAIN_OTHER_CA:
        return refuse(why, "the certificate is not signed by an authority of this cloud");
    case CHAIN_NOT_CLIENT:
        return refuse(why, "the certificate is not for TLS clients");
    case CHAIN_FAULT:
        break;
    }
    refuse(why, "out of memory");
    return GH_IO;
}

/* --- the requests ----------------------------------------------------------------------------- */

char *enrolment_request(const char *token, const char *csr, const struct config *config,
                        size_t *len)
{
    struct json *v = json_new();
    bool good = v && (!token || (json_set_text(v, "token", slice_of(token)) &&
                                 json_set_text(v, "site", slice_of(config->site.s)) &&
                                 json_set_text(v, "gateway", slice_of(config->gateway.s)))) &&
                json_set_text(v, "csr", slice_of(csr));
    char *text = good ? json_print(v, len) : NULL;
    json_free(v);
    return text;
}
