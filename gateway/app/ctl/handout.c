#include "app/ctl/handout.h"

#include <stdlib.h>
#include <string.h>

#include "adapters/json/json.h"
#include "adapters/openssl/certificate.h"
#include "adapters/qrencode/qr.h"
#include "app/whole_file.h"

#define QUIET 4 /* modules around the code */
/* Black on white of the 256 colours, which no theme changes. */
#define INK "\033[0;38;5;16;48;5;231m"
#define PLAIN "\033[0m"

/* --- the line --------------------------------------------------------------------------------- */

/* The base64 between the first two lines of dashes, without line ends; owned. */
static char *pem_body(const char *pem)
{
    const char *begin = strchr(pem, '\n');
    const char *end = begin ? strstr(begin, "-----END") : NULL;
    char *out = end ? malloc((size_t)(end - begin) + 1) : NULL;
    size_t n = 0;
    if (!out)
        return NULL;
    for (const char *p = begin; p < end; p++)
        if (*p != '\n')
            out[n++] = *p;
    out[n] = '\0';
    return out;
}

static bool set_body(struct json *v, const char *name, const char *pem)
{
    char *body = pem_body(pem);
    bool good = body && json_set_text(v, name, slice_of(body));
    if (body)
        whole_file_forget(body, strlen(body));
    return good;
}

struct hosts {
    struct json *v;
    bool addresses; /* else names */
    bool good;
};

static void add_host(void *context, const char *host, bool is_address)
{
    struct hosts *hosts = context;
    if (is_address == hosts->addresses)
        hosts->good = hosts->good && json_append_text(hosts->v, "hosts", slice_of(host));
}

/* Addresses first: a name may be one that nobody at the site can look up. */
static bool set_hosts(struct json *v, struct slice server)
{
    struct hosts hosts = {v, true, true};
    if (certificate_each_host(server, add_host, &hosts) != GH_OK)
        return false;
    hosts.addresses = false;
    return certificate_each_host(server, add_host, &hosts) == GH_OK && hosts.good;
}

char *handout_print(const struct handout *h, size_t *len)
{
    struct json *v = json_new();
    int port = h->password ? HANDOUT_PORT_PASSWORD : HANDOUT_PORT_CERTIFICATE;
    bool good = v && json_set_int(v, "v", 1) && set_hosts(v, h->server) &&
                json_set_int(v, "port", port) && json_set_text(v, "account", slice_of(h->account));
    if (good && h->password)
        good = json_set_text(v, "password", slice_of(h->password));
    else
        good = good && set_body(v, "cert", h->certificate) && set_body(v, "key", h->key);
    good = good && json_set_text(v, "ca", slice_of(h->authority));
    char *text = good ? json_print(v, len) : NULL;
    json_free(v);
    return text;
}

/* --- the drawing ------------------------------------------------------------------------------- */

/* Two rows of modules are one of characters. */
static const char *half_blocks(bool upper, bool lower)
{
    if (upper)
        return lower ? "\u2588" : "\u2580";
    return lower ? "\u2584" : " ";
}

bool handout_draw(FILE *to, struct slice text, int *columns, int *rows)
{
    struct qr *qr = NULL;
    if (qr_make(&qr, text) != GH_OK)
        return false;
    int end = qr_width(qr) + QUIET;
    *columns = end + QUIET;
    *rows = (end + QUIET + 1) / 2;
    for (int y = -QUIET; to && y < end; y += 2) {
        fputs(INK, to);
        for (int x = -QUIET; x < end; x++)
            fputs(half_blocks(qr_is_dark(qr, x, y), qr_is_dark(qr, x, y + 1)), to);
        fputs(PLAIN "\n", to);
    }
    qr_free(qr);
    return true;
}
