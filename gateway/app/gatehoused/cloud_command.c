#include "app/gatehoused/cloud_command.h"

#include <stdio.h>

static const char sig_head[] = ",\"sig\":\"", sig_tail[] = "\"}";
#define SIG_MEMBER (sizeof sig_head - 1 + SIGN_BASE64_LEN + sizeof sig_tail - 1)

static bool is_signed(const struct sign_keys *keys, struct slice line)
{
    static const char prefix[] = "gatehouse-command\n";
    char text[sizeof prefix + CLOUD_COMMAND_MAX];
    if (!keys || line.len <= SIG_MEMBER || line.len > CLOUD_COMMAND_MAX)
        return false;
    size_t body = line.len - SIG_MEMBER;
    const char *member = line.ptr + body;
    const char *sig = member + sizeof sig_head - 1;
    if (memcmp(member, sig_head, sizeof sig_head - 1) != 0 ||
        memcmp(sig + SIGN_BASE64_LEN, sig_tail, sizeof sig_tail - 1) != 0)
        return false;
    memcpy(text, prefix, sizeof prefix - 1);
    memcpy(text + sizeof prefix - 1, line.ptr, body);
    text[sizeof prefix - 1 + body] = '}';
    return sign_is_good(keys, slice_make(sig, SIGN_BASE64_LEN),
                        slice_make(text, sizeof prefix + body));
}

static enum cloud_command_fault wrong(char *why, size_t why_size, const char *text)
{
    snprintf(why, why_size, "%s", text);
    return CLOUD_COMMAND_WRONG;
}

/* A release that may come late is none. */
static bool opens_in_time(const struct command *c)
{
    bool opens = c->action == COMMAND_RELEASE || c->action == COMMAND_PRESENT;
    return !opens || (c->not_after != INSTANT_NONE && c->not_after >= c->issued_at &&
                      c->not_after - c->issued_at <= CLOUD_COMMAND_OPENS_S);
}

static enum cloud_command_fault take(const struct json *v, const struct id *gateway,
                                     struct command *out, char *by, char *why, size_t why_size)
{
    struct slice t, text;
    struct command c;
    if (!json_text(v, "t", &t) || !slice_is(t, "command"))
        return wrong(why, why_size, "it is no command");
    if (!json_text(v, "gateway", &text))
        return wrong(why, why_size, "it names no gateway");
    if (!slice_is(text, gateway->s))
        return CLOUD_COMMAND_FOREIGN;
    if (!command_json_parse(v, "cloud", &c, why, why_size))
        return CLOUD_COMMAND_WRONG;
    if (id_is_none(&c.id))
        return wrong(why, why_size, "it has no \"id\"");
    if (!json_text(v, "issued_at", &text) || instant_parse(&c.issued_at, text) != GH_OK)
        return wrong(why, why_size, "its \"issued_at\" is no instant");
    if (!json_text(v, "by", &text) || text.len == 0 || text.len >= EVENT_TEXT_MAX)
        return wrong(why, why_size, "its \"by\" names nobody, or is too long");
    if (!opens_in_time(&c))
        return wrong(why, why_size, "release and present need a \"not_after\" of at most 60 s "
                                    "after \"issued_at\"");
    memcpy(by, text.ptr, text.len);
    by[text.len] = '\0';
    c.by = by;
    c.is_remote = true;
    *out = c;
    return CLOUD_COMMAND_GOOD;
}

enum cloud_command_fault cloud_command_parse(const struct sign_keys *keys,
                                             const struct id *gateway, struct slice line,
                                             struct command *out, char *by, char *why,
                                             size_t why_size)
{
    if (!is_signed(keys, line)) {
        snprintf(why, why_size, "%s", keys ? "its signature is not that of a pinned command key"
                                           : "no command key is pinned: command_key_file");
        return CLOUD_COMMAND_FORGED;
    }
    struct json *v = json_parse_object(line, NULL, 0);
    enum cloud_command_fault fault =
        v ? take(v, gateway, out, by, why, why_size) : wrong(why, why_size, "it is no JSON object");
    json_free(v);
    return fault;
}
