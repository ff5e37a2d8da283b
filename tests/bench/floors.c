#include "bench/floors.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/wires.h"
#include "lib/wait.h"

#define EVENT_BYTES 420 /* what an access event takes in the journal */

/* --- a durable commit ------------------------------------------------------------ */

bool commit_floor_open(struct commit_floor *f, const struct folder *folder)
{
    char path[FOLDER_PATH_MAX];
    *f = (struct commit_floor){0};
    bool good =
        folder_file(folder, "floor.db", path) && sqlite3_open(path, &f->db) == SQLITE_OK &&
        sqlite3_exec(f->db,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "CREATE TABLE IF NOT EXISTS event (seq INTEGER PRIMARY KEY, body BLOB)",
                     NULL, NULL, NULL) == SQLITE_OK &&
        sqlite3_prepare_v2(f->db, "INSERT INTO event (body) VALUES (?1)", -1, &f->insert, NULL) ==
            SQLITE_OK;
    if (!good) {
        lib_say("the floor's database: %s", f->db ? sqlite3_errmsg(f->db) : "no path");
    }
    return good;
}

void commit_floor_close(struct commit_floor *f)
{
    sqlite3_finalize(f->insert);
    sqlite3_close(f->db);
    *f = (struct commit_floor){0};
}

bool commit_floor_round(struct commit_floor *f, int commits, struct series *times)
{
    unsigned char body[EVENT_BYTES];
    memset(body, 'e', sizeof body);
    for (int i = 0; i < commits; i++) {
        wait_pause_ms(WIRES_PAUSE_MS);
        int64_t before = wait_now_ns();
        sqlite3_bind_blob(f->insert, 1, body, sizeof body, SQLITE_STATIC);
        if (sqlite3_step(f->insert) != SQLITE_DONE) { /* commits by itself */
            lib_say("the floor's database: %s", sqlite3_errmsg(f->db));
            return false;
        }
        sqlite3_reset(f->insert);
        series_add_ns(times, before, wait_now_ns());
    }
    series_end_round(times);
    return true;
}

/* --- a call to the cloud ------------------------------------------------------------ */

struct cloud_link {
    CURL *curl;
    struct curl_slist *headers;
    char get_url[512], put_url[512];
};

static size_t discard(char *bytes, size_t size, size_t n, void *context)
{
    (void)bytes;
    (void)context;
    return size * n;
}

struct cloud_link *cloud_link_open(struct site *site)
{
    char authorization[192];
    struct cloud_link *link = calloc(1, sizeof *link);
    if (link == NULL) {
        return NULL;
    }
    const char *base = site->admin.base_url;
    snprintf(link->get_url, sizeof link->get_url, "%s%s?after=0&limit=1", base, site->events_url);
    snprintf(link->put_url, sizeof link->put_url, "%s/admin/sites/" SITE_ID "/rows", base);
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", site->admin.token);
    link->headers = curl_slist_append(NULL, authorization);
    link->curl = curl_easy_init();
    if (link->curl == NULL || link->headers == NULL) {
        cloud_link_close(link);
        return NULL;
    }
    curl_easy_setopt(link->curl, CURLOPT_HTTPHEADER, link->headers);
    curl_easy_setopt(link->curl, CURLOPT_CAINFO, site->admin.ca_file);
    curl_easy_setopt(link->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(link->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(link->curl, CURLOPT_TIMEOUT_MS, (long)WAIT_MS);
    curl_easy_setopt(link->curl, CURLOPT_WRITEFUNCTION, discard);
    return link;
}

void cloud_link_close(struct cloud_link *link)
{
    if (link != NULL) {
        curl_easy_cleanup(link->curl);
        curl_slist_free_all(link->headers);
        free(link);
    }
}

static bool perform(struct cloud_link *link, const char *url)
{
    long status = 0;
    curl_easy_setopt(link->curl, CURLOPT_URL, url);
    CURLcode code = curl_easy_perform(link->curl);
    if (code == CURLE_OK) {
        curl_easy_getinfo(link->curl, CURLINFO_RESPONSE_CODE, &status);
    }
    if (status != 200) {
        lib_say("%s: %s, status %ld", url, curl_easy_strerror(code), status);
    }
    return status == 200;
}

bool cloud_link_round(struct cloud_link *link, int calls, struct series *times)
{
    curl_easy_setopt(link->curl, CURLOPT_HTTPGET, 1L);
    if (!perform(link, link->get_url)) { /* connects, if it was closed meanwhile */
        return false;
    }
    for (int i = 0; i < calls; i++) {
        wait_pause_ms(WIRES_PAUSE_MS);
        int64_t before = wait_now_ns();
        if (!perform(link, link->get_url)) {
            return false;
        }
        series_add_ns(times, before, wait_now_ns());
    }
    series_end_round(times);
    return true;
}

bool cloud_link_put(struct cloud_link *link, const char *ndjson)
{
    curl_easy_setopt(link->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(link->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(ndjson));
    curl_easy_setopt(link->curl, CURLOPT_POSTFIELDS, ndjson);
    return perform(link, link->put_url);
}

/* --- memory --------------------------------------------------------------------------- */

static double memory_of(pid_t pid, const char *what)
{
    char path[64], line[256];
    double mib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "re");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, what, strlen(what)) == 0) {
            mib = (double)strtol(line + strlen(what), NULL, 10) / 1024.0;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return mib;
}

double floors_resident_mib(pid_t pid)
{
    return memory_of(pid, "VmRSS:");
}

double floors_peak_mib(pid_t pid)
{
    return memory_of(pid, "VmHWM:");
}
