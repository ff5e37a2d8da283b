/* A handle of calls: opened, given another certificate, woken, closed. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "adapters/curl/https_internal.h"

void https_tell(char *out, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(out, size, fmt, args) < 0 && size > 0)
        out[0] = '\0';
    va_end(args);
}

static bool copy_option(char **out, const char *text)
{
    if (!text)
        return true;
    *out = strdup(text);
    return *out != NULL;
}

static bool copy_bytes(struct curl_blob *out, struct slice bytes)
{
    if (bytes.len == 0)
        return true;
    void *copy = malloc(bytes.len);
    if (!copy)
        return false;
    memcpy(copy, bytes.ptr, bytes.len);
    *out = (struct curl_blob){.data = copy, .len = bytes.len, .flags = CURL_BLOB_COPY};
    return true;
}

static void free_secret(struct curl_blob *blob)
{
    if (blob->data)
        explicit_bzero(blob->data, blob->len);
    free(blob->data);
    *blob = (struct curl_blob){.data = NULL};
}

bool https_is_header_safe(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

static enum gh_err check_options(const struct https_options *o, char *why, size_t why_size)
{
    const char *files[] = {o->ca_file, o->cert_file, o->key_file};
    if (!o->base_url || strncmp(o->base_url, "https://", 8) != 0) {
        https_tell(why, why_size, "the address of the server must begin with https://");
        return GH_INVALID;
    }
    bool has_ca = o->ca_file || o->ca_pem.len > 0;
    if (has_ca == o->anyone || !o->cert_file != !o->key_file) {
        https_tell(why, why_size, "a CA file is needed, and a client certificate needs its key");
        return GH_INVALID;
    }
    if (o->anyone && (o->token || o->cert_file)) {
        https_tell(why, why_size, "whoever answers must not see a token or a certificate");
        return GH_INVALID;
    }
    if (o->token && !https_is_header_safe(o->token)) {
        https_tell(why, why_size, "the token holds control characters");
        return GH_INVALID;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (files[i] && access(files[i], R_OK) != 0) {
            https_tell(why, why_size, "cannot read %s: %s", files[i], strerror(errno));
            return GH_INVALID;
        }
    }
    return GH_OK;
}

enum gh_err https_open(struct https **out, const struct https_options *o, char *why,
                       size_t why_size)
{
    enum gh_err err = check_options(o, why, why_size);
    if (err)
        return err;
    struct https *h = calloc(1, sizeof *h);
    if (!h || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(h);
        https_tell(why, why_size, "libcurl cannot start");
        return GH_IO;
    }
    h->anyone = o->anyone;
    pthread_mutex_init(&h->lock, NULL);
    h->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    h->multi = curl_multi_init();
    h->easy = curl_easy_init();
    if (h->wake_fd < 0 || !h->multi || !h->easy || !copy_option(&h->base_url, o->base_url) ||
        !copy_option(&h->ca_file, o->ca_file) || !copy_bytes(&h->ca, o->ca_pem) ||
        !copy_option(&h->token, o->token) ||
        !copy_option(&h->cert_file, o->cert_file) || !copy_option(&h->key_file, o->key_file)) {
        https_close(h);
        https_tell(why, why_size, "out of memory");
        return GH_IO;
    }
    curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 1L);
    *out = h;
    return GH_OK;
}

void https_close(struct https *h)
{
    if (!h)
        return;
    curl_easy_cleanup(h->easy);
    curl_multi_cleanup(h->multi);
    if (h->wake_fd >= 0)
        close(h->wake_fd);
    if (h->token)
        explicit_bzero(h->token, strlen(h->token));
    free_secret(&h->cert);
    free_secret(&h->key);
    free(h->ca.data);
    pthread_mutex_destroy(&h->lock);
    free(h->token);
    free(h->base_url);
    free(h->ca_file);
    free(h->cert_file);
    free(h->key_file);
    free(h);
    curl_global_cleanup();
}

enum gh_err https_use_certificate(struct https *h, struct slice certificate, struct slice key)
{
    struct curl_blob new_cert = {0}, new_key = {0};
    bool good = copy_bytes(&new_cert, certificate) && copy_bytes(&new_key, key);
    if (good) {
        pthread_mutex_lock(&h->lock);
        struct curl_blob old_cert = h->cert, old_key = h->key;
        h->cert = new_cert;
        h->key = new_key;
        pthread_mutex_unlock(&h->lock);
        new_cert = old_cert;
        new_key = old_key;
    }
    free_secret(&new_cert);
    free_secret(&new_key);
    return good ? GH_OK : GH_FULL;
}

static void wake(struct https *h)
{
    int saved = errno;
    uint64_t one = 1;
    /* It can only fail when the counter is full, and then it wakes already. */
    ssize_t written = write(h->wake_fd, &one, sizeof one);
    (void)written;
    errno = saved;
}

void https_cancel(struct https *h)
{
    atomic_store(&h->cancelled, true);
    wake(h);
}

void https_interrupt(struct https *h)
{
    atomic_store(&h->interrupted, true);
    wake(h);
}
