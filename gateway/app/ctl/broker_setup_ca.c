/* broker setup: the authority, and the broker's own certificate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/ctl/broker_setup.h"
#include "app/whole_file.h"
#include "core/clock.h"

#define DAY_S 86400

/* --- the authority ---------------------------------------------------------------------------------- */

static bool make_authority(struct setup *s)
{
    const struct config *c = s->desk.config;
    struct authority_pair pair = {NULL, NULL};
    if (authority_make(&pair, c->site.s, c->gateway.s, s->desk.now) != GH_OK)
        return desk_fail(&s->desk, "no certificate authority could be made");
    bool good = setup_put(s, BROKER_CA_KEY, pair.key, "made: the key that vouches for readers") &&
                setup_put(s, BROKER_CA, pair.certificate, "made: readers know the broker by it");
    authority_pair_free(&pair);
    return good;
}

/* A first run was cut off between the two. */
static bool certify_authority(struct setup *s)
{
    const struct config *c = s->desk.config;
    char *key = NULL, *text = NULL;
    size_t len = 0;
    if (!desk_read(&s->desk, BROKER_CA_KEY, &key, &len))
        return false;
    bool good = authority_certify(&text, slice_make(key, len), c->site.s, c->gateway.s,
                                  s->desk.now) == GH_OK;
    whole_file_forget(key, len);
    good = good ? setup_put(s, BROKER_CA, text, "made: readers know the broker by it")
                : desk_fail(&s->desk, "%s/ca.key: it is no key: remove it, and run this again",
                            s->desk.folder.path);
    free(text);
    return good;
}

bool setup_authority(struct setup *s)
{
    bool has_key = setup_has(s, BROKER_CA_KEY), has_cert = setup_has(s, BROKER_CA), good = true;
    if (!has_key && !has_cert && s->is_first)
        good = make_authority(s);
    else if (has_key && !has_cert && s->is_first)
        good = certify_authority(s);
    else if (!has_key || !has_cert)
        return desk_fail(&s->desk, "%s/%s is missing: put it back from a backup (gatehousectl restore); or "
                                   "move %s away and run this again: then every reader needs a new account",
                         s->desk.folder.path, has_key ? "ca.pem" : "ca.key", s->desk.folder.path);
    s->authority = good ? desk_authority(&s->desk) : NULL;
    return s->authority != NULL;
}

/* --- the broker's certificate ------------------------------------------------------------------------- */

/* The certificate with the authority's behind it: a reader that knows the fingerprint alone
 * finds the whole there. */
static bool put_chain(struct setup *s, const char *certificate, const char *what)
{
    char *ca = NULL, *text = NULL;
    size_t len = 0;
    if (!desk_read(&s->desk, BROKER_CA, &ca, &len))
        return false;
    bool good = asprintf(&text, "%s%s", certificate, ca) >= 0 || desk_fail(&s->desk, "out of memory");
    good = good && setup_put(s, BROKER_SERVER, text, what);
    free(good ? text : NULL);
    free(ca);
    return good;
}

static bool make_server(struct setup *s, const char *what)
{
    char *key = NULL;
    size_t len = 0;
    struct authority_pair pair = {NULL, NULL};
    if (setup_has(s, BROKER_SERVER_KEY) && !desk_read(&s->desk, BROKER_SERVER_KEY, &key, &len))
        return false;
    const struct authority_hosts names = broker_hosts_view(&s->hosts);
    bool good = authority_issue_server(s->authority, &names, slice_make(key, len), s->desk.now, &pair) ==
                    GH_OK ||
                desk_fail(&s->desk, "%s/server.key: it is no key, or no certificate can be made for it: "
                                    "move it away, and run this again",
                          s->desk.folder.path);
    good = good && (key || setup_put(s, BROKER_SERVER_KEY, pair.key, "made")) &&
           put_chain(s, pair.certificate, what);
    whole_file_forget(key, len);
    authority_pair_free(&pair);
    return good;
}

/* What is wrong with the one that is there, as a note. */
static bool look_at_server(struct setup *s, struct slice cert)
{
    char *key = NULL, end[INSTANT_TEXT];
    size_t len = 0;
    struct certificate_facts facts;
    if (!desk_read(&s->desk, BROKER_SERVER_KEY, &key, &len))
        return false;
    bool good = authority_has_issued(s->authority, cert, slice_make(key, len)) &&
                certificate_read(&facts, cert) == GH_OK;
    whole_file_forget(key, len);
    if (!good)
        return desk_fail(&s->desk, "%s/server.pem: it is not this CA's, or server.key is not its key: "
                                   "gatehousectl broker setup --renew server", s->desk.folder.path);
    instant_format(end, facts.not_after);
    if (facts.not_after - s->desk.now < BROKER_RENEW_DAYS * DAY_S)
        setup_note(s, "server.pem ends %s: gatehousectl broker setup --renew server makes a new one; readers "
                        "keep theirs", end);
    const char *missing = broker_hosts_missing(&s->hosts, cert);
    if (missing)
        setup_note(s, "server.pem does not name %s: add --renew server to make a new one; readers keep "
                        "theirs", missing);
    return true;
}

bool setup_server(struct setup *s)
{
    const char *renew = s->desk.ctl->renew;
    bool has_both = setup_has(s, BROKER_SERVER_KEY) && setup_has(s, BROKER_SERVER);
    char *cert = NULL;
    size_t len = 0;
    if (has_both && renew && strcmp(renew, "server") == 0)
        return make_server(s, "made anew");
    if (!has_both && s->hosts.n_addresses == 0)
        setup_note(s, "server.pem names no address. For readers that connect by address: gatehousectl broker "
                      "setup --renew server --address A, with each address of this box");
    if (!has_both)
        return make_server(s, "made");
    bool good = desk_read(&s->desk, BROKER_SERVER, &cert, &len) &&
                look_at_server(s, slice_make(cert, len));
    free(cert);
    return good;
}
