/* A small HTTPS client for the reference cloud's admin calls. */
#ifndef TESTS_LIB_HTTPS_CLIENT_H
#define TESTS_LIB_HTTPS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/folder.h"

struct web_client {
    char base_url[128]; /* "https://127.0.0.1:PORT" */
    char ca_file[FOLDER_PATH_MAX];
    char token[128]; /* bearer token; "" = none */
};

struct web_reply {
    long status;
    char *body; /* owned, closed by a NUL; never NULL after success */
    size_t len;
};

void web_client_init(struct web_client *client, int port, const char *ca_file, const char *token);

/* One call; body NULL = none (sent as application/json otherwise). False only
 * when there is no answer: look at status for what the server says. */
bool web_call(const struct web_client *client, const char *method, const char *path,
              const char *body, struct web_reply *out);
bool web_get(const struct web_client *client, const char *path, struct web_reply *out);
bool web_post(const struct web_client *client, const char *path, const char *body,
              struct web_reply *out);
void web_reply_free(struct web_reply *reply);

/* Calls until the server answers this path with any status. */
bool web_wait_up(const struct web_client *client, const char *path, int timeout_ms);

#endif
