#include "lib/https_client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wait.h"

#define BODY_MAX (64L << 20)

void web_client_init(struct web_client *client, int port, const char *ca_file, const char *token)
{
    memset(client, 0, sizeof *client);
    snprintf(client->base_url, sizeof client->base_url, "https://127.0.0.1:%d", port);
    snprintf(client->ca_file, sizeof client->ca_file, "%s", ca_file);
    snprintf(client->token, sizeof client->token, "%s", token ? token : "");
}

static size_t take(char *bytes, size_t size, size_t n, void *context)
{
    struct web_reply *reply = context;
    size_t len = size * n;
    char *more = len > BODY_MAX - reply->len ? NULL : realloc(reply->body, reply->len + len + 1);
    if (more == NULL) {
        return 0; /* curl ends the call */
    }
    memcpy(more + reply->len, bytes, len);
    reply->body = more;
    reply->len += len;
    reply->body[reply->len] = '\0';
    return len;
}

static bool call(const struct web_client *client, const char *method, const char *path,
                 const char *body, struct web_reply *out, char why[CURL_ERROR_SIZE])
{
    char url[1024];
    char authorization[192];
    struct web_reply reply = {.body = calloc(1, 1)};
    struct curl_slist *headers = NULL;
    bool answered = false;
    CURL *curl = curl_easy_init();
    why[0] = '\0';
    if (curl == NULL || reply.body == NULL) {
        goto done;
    }
    snprintf(url, sizeof url, "%s%s", client->base_url, path);
    if (client->token[0]) {
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", client->token);
        headers = curl_slist_append(headers, authorization);
    }
    if (body) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)WAIT_MS * 3);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    if (curl_easy_perform(curl) == CURLE_OK &&
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply.status) == CURLE_OK) {
        *out = reply;
        reply.body = NULL;
        answered = true;
    }
done:
    free(reply.body);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return answered;
}

bool web_call(const struct web_client *client, const char *method, const char *path,
              const char *body, struct web_reply *out)
{
    char why[CURL_ERROR_SIZE];
    if (!call(client, method, path, body, out, why)) {
        lib_say("%s %s%s: %s", method, client->base_url, path, why);
        return false;
    }
    return true;
}

bool web_get(const struct web_client *client, const char *path, struct web_reply *out)
{
    return web_call(client, "GET", path, NULL, out);
}

bool web_post(const struct web_client *client, const char *path, const char *body,
              struct web_reply *out)
{
    return web_call(client, "POST", path, body, out);
}

void web_reply_free(struct web_reply *reply)
{
    free(reply->body);
    *reply = (struct web_reply){0};
}

struct up_check {
    const struct web_client *client;
    const char *path;
};

static bool answers(void *context)
{
    const struct up_check *check = context;
    char why[CURL_ERROR_SIZE];
    struct web_reply reply;
    if (!call(check->client, "GET", check->path, NULL, &reply, why)) {
        return false;
    }
    web_reply_free(&reply);
    return true;
}

bool web_wait_up(const struct web_client *client, const char *path, int timeout_ms)
{
    struct up_check check = {client, path};
    if (!wait_until(answers, &check, timeout_ms)) {
        lib_say("%s%s does not answer", client->base_url, path);
        return false;
    }
    return true;
}
