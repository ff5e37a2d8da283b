#include "app/ctl/broker_hosts.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LABEL_MAX 63

/* Labels of letters, digits and inner hyphens, with dots between them. */
static bool is_host_name(const char *text)
{
    size_t len = strlen(text), label = 0;
    if (len == 0 || len >= CERTIFICATE_HOST_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool is_edge = label == 0 || i + 1 == len || text[i + 1] == '.';
        bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (c == '.' ? is_edge : !is_word && (c != '-' || is_edge))
            return false;
        label = c == '.' ? 0 : label + 1;
        if (label > LABEL_MAX)
            return false;
    }
    return true;
}

/* As the library writes it, so that two can be compared. */
static bool address_text(char out[CERTIFICATE_HOST_MAX], const char *text)
{
    unsigned char bytes[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, text, bytes) == 1 &&
           inet_ntop(family, bytes, out, CERTIFICATE_HOST_MAX) != NULL;
}

static bool add(char list[][CERTIFICATE_HOST_MAX], const char **view, size_t *n, const char *text)
{
    for (size_t i = 0; i < *n; i++)
        if (strcasecmp(list[i], text) == 0)
            return true;
    if (*n == BROKER_HOSTS_MAX)
        return false;
    snprintf(list[*n], CERTIFICATE_HOST_MAX, "%s", text);
    view[*n] = list[*n];
    (*n)++;
    return true;
}

static bool add_name(struct broker_hosts *h, const char *name)
{
    return add(h->name, h->name_view, &h->n_names, name);
}

/* The common name is the first: it has room for 64 characters. */
static void add_own(struct broker_hosts *h)
{
    char own[CERTIFICATE_HOST_MAX - 6] = "", local[CERTIFICATE_HOST_MAX];
    if (gethostname(own, sizeof own - 1) != 0 || !is_host_name(own) ||
        strlen(own) > AUTHORITY_NAME_MAX || strcmp(own, "localhost") == 0)
        snprintf(own, sizeof own, "gatehouse");
    (void)add_name(h, own);
    snprintf(local, sizeof local, "%.*s.local", (int)strcspn(own, "."), own);
    (void)add_name(h, local);
}

static void add_old(void *context, const char *host, bool is_address)
{
    struct broker_hosts *h = context;
    if (is_address)
        (void)add(h->address, h->address_view, &h->n_addresses, host);
    else
        (void)add_name(h, host);
}

bool broker_hosts_collect(struct broker_hosts *out, const struct ctl *ctl, struct slice old,
                          char *why, size_t why_size)
{
    char text[CERTIFICATE_HOST_MAX];
    add_own(out);
    for (size_t i = 0; i < ctl->n_names; i++) {
        if (is_host_name(ctl->name[i]) && add_name(out, ctl->name[i]))
            continue;
        snprintf(why, why_size, "--name %.64s: that is no name of a host", ctl->name[i]);
        return false;
    }
    for (size_t i = 0; i < ctl->n_addresses; i++) {
        if (address_text(text, ctl->address[i]) &&
            add(out->address, out->address_view, &out->n_addresses, text))
            continue;
        snprintf(why, why_size, "--address %.64s: that is no address, such as 192.0.2.10 or 2001:db8::10",
                 ctl->address[i]);
        return false;
    }
    if (ctl->n_names + ctl->n_addresses == 0 && old.len > 0 &&
        certificate_each_host(old, add_old, out) != GH_OK)
        out->n_addresses = 0; /* it is no certificate: it names nobody */
    return true;
}

struct authority_hosts broker_hosts_view(const struct broker_hosts *h)
{
    return (struct authority_hosts){h->name_view, h->n_names, h->address_view, h->n_addresses};
}

/* --- what a certificate lacks ----------------------------------------------------------------- */

struct search {
    const char *host;
    bool found;
};

static void look(void *context, const char *host, bool is_address)
{
    struct search *s = context;
    (void)is_address;
    s->found = s->found || strcasecmp(host, s->host) == 0;
}

static bool names(struct slice certificate, const char *host)
{
    struct search s = {host, false};
    return certificate_each_host(certificate, look, &s) == GH_OK && s.found;
}

const char *broker_hosts_missing(const struct broker_hosts *h, struct slice certificate)
{
    for (size_t i = 0; i < h->n_names; i++)
        if (!names(certificate, h->name[i]))
            return h->name[i];
    for (size_t i = 0; i < h->n_addresses; i++)
        if (!names(certificate, h->address[i]))
            return h->address[i];
    return NULL;
}
