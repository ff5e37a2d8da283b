/* What a handle is made of, for https_handle.c and the calls in https.c. */
#ifndef GATEHOUSE_ADAPTERS_CURL_HTTPS_INTERNAL_H
#define GATEHOUSE_ADAPTERS_CURL_HTTPS_INTERNAL_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "adapters/curl/https.h"

struct https {
    CURLM *multi;
    CURL *easy;
    char *base_url, *ca_file, *token, *cert_file, *key_file;
    struct curl_blob ca;     /* owned; len 0 = ca_file */
    bool anyone;
    pthread_mutex_t lock;    /* of the next two */
    struct curl_blob cert, key; /* owned; len 0 = cert_file and key_file */
    char error[CURL_ERROR_SIZE];
    int wake_fd;
    atomic_bool cancelled;
    atomic_bool interrupted; /* one call, which takes it back */
};

/* One line for a person, cut where it does not fit. */
void https_tell(char *out, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* False if there is a character in it that would end a header line. */
bool https_is_header_safe(const char *text);

#endif
