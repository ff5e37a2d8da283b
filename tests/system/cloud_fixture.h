/* The reference cloud as a process of a test, and a small client for it: own
 * folder, own certificates, own port, killed with the test. */
#ifndef GATEHOUSE_TESTS_SYSTEM_CLOUD_FIXTURE_H
#define GATEHOUSE_TESTS_SYSTEM_CLOUD_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#define GATEWAY "Authorization: Bearer gateway-token-0123456789"
#define ADMIN "Authorization: Bearer admin-token-0123456789"
#define CHECKPOINT "/v1/sites/plaza/checkpoint"
#define CHANGES "/v1/sites/plaza/changes?schema=1&since="
#define EVENTS "/v1/sites/plaza/gateways/g1/events"
#define ROWS "/admin/sites/plaza/rows"
#define SITE_ROW "{\"k\":\"site\",\"id\":\"plaza\",\"d\":{\"tz\":\"UTC\"}}\n"

enum { BODY_MAX = 4 * 1024 * 1024 };

/* One server, and one connection to it. */
struct fixture {
    char dir[64];
    char base[64];
    pid_t pid;
    CURL *curl;
    const char *ca; /* of enrolments; NULL = there are none */
};

struct reply {
    CURLcode code;
    long status;
    size_t len;
    char etag[96];
    char range[96];
    char retry_after[16];
    char encoding[16];
    char body[BODY_MAX];
};

/* What is sent; NULL and 0 where it does not matter. */
struct request {
    const char *path;
    const char *token;
    const char *body; /* POST if not NULL */
    size_t body_len;  /* 0 = strlen(body) */
    const char *header;
    const char *cert; /* CERT.pem and CERT.key are shown */
    bool gzip; /* accept it, and undo it */
};

/* --- a small client ------------------------------------------------------------ */

static inline size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct reply *r = context;
    size_t len = size * count;
    if (len > BODY_MAX - 1 - r->len)
        return 0;
    memcpy(r->body + r->len, bytes, len);
    r->len += len;
    r->body[r->len] = '\0';
    return len;
}

static inline void take_value(char *out, size_t size, const char *line, size_t len,
                              const char *name)
{
    size_t skip = strlen(name);
    if (len > skip + 2 && strncasecmp(line, name, skip) == 0)
        snprintf(out, size, "%.*s", (int)(len - skip - 2), line + skip);
}

static inline size_t take_header(char *line, size_t size, size_t count, void *context)
{
    struct reply *r = context;
    size_t len = size * count;
    take_value(r->etag, sizeof r->etag, line, len, "ETag: ");
    take_value(r->range, sizeof r->range, line, len, "Content-Range: ");
    take_value(r->retry_after, sizeof r->retry_after, line, len, "Retry-After: ");
    take_value(r->encoding, sizeof r->encoding, line, len, "Content-Encoding: ");
    return len;
}

static inline void call(const struct fixture *f, CURL *curl, struct reply *r, struct request q)
{
    char url[512];
    char ca[128], cert[128], key[128];
    struct curl_slist *headers = curl_slist_append(NULL, q.token ? q.token : "X-No: token");
    if (q.header)
        headers = curl_slist_append(headers, q.header);
    headers = curl_slist_append(headers, "Expect:");
    snprintf(url, sizeof url, "%s%s", f->base, q.path);
    snprintf(ca, sizeof ca, "%s/ca.pem", f->dir);
    memset(r, 0, offsetof(struct reply, body) + 1);
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CAINFO, ca);
    if (q.cert) {
        snprintf(cert, sizeof cert, "%s/%.40s.pem", f->dir, q.cert);
        snprintf(key, sizeof key, "%s/%.40s.key", f->dir, q.cert);
        curl_easy_setopt(curl, CURLOPT_SSLCERT, cert);
        curl_easy_setopt(curl, CURLOPT_SSLKEY, key);
    }
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* Less than a poll may wait: one that is not woken fails. */
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 30L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, r);
    if (q.gzip)
        curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "gzip");
    if (q.body) {
        size_t len = q.body_len ? q.body_len : strlen(q.body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, q.body);
    }
    r->code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &r->status);
    curl_slist_free_all(headers);
}

/* The reply is reused by the next call from the same thread. */
static inline const struct reply *ask(const struct fixture *f, struct request q)
{
    static struct reply reply;
    call(f, f->curl, &reply, q);
    return &reply;
}

static inline const struct reply *get(const struct fixture *f, const char *path)
{
    return ask(f, (struct request){.path = path, .token = GATEWAY, .gzip = true});
}

static inline const struct reply *post(const struct fixture *f, const char *path, const char *body)
{
    return ask(f, (struct request){.path = path, .token = GATEWAY, .body = body});
}

static inline const struct reply *admin_get(const struct fixture *f, const char *path)
{
    return ask(f, (struct request){.path = path, .token = ADMIN});
}

static inline void admin(const struct fixture *f, const char *path, const char *body)
{
    const struct reply *r = ask(f, (struct request){.path = path, .token = ADMIN, .body = body});
    if (r->status != 200)
        print_message("%s: %ld %s\n", path, r->status, r->body);
    assert_int_equal(r->status, 200);
}

/* Each refusal must say why, in one line of JSON. */
static inline void assert_refused(const struct reply *r, long status)
{
    json_t *root = json_loadb(r->body, r->len, 0, NULL);
    if (r->status != status)
        print_message("%s\n", r->body);
    assert_int_equal(r->status, status);
    assert_true(json_string_length(json_object_get(root, "error")) > 0);
    json_decref(root);
}

static inline json_int_t number_of(const struct reply *r, const char *name)
{
    json_t *root = json_loadb(r->body, r->len, 0, NULL);
    json_t *value = json_object_get(root, name);
    assert_true(json_is_integer(value));
    json_int_t number = json_integer_value(value);
    json_decref(root);
    return number;
}

static inline void copy_string_of(const struct reply *r, const char *name, char out[128])
{
    json_t *root = json_loadb(r->body, r->len, 0, NULL);
    assert_non_null(json_object_get(root, name));
    snprintf(out, 128, "%s", json_string_value(json_object_get(root, name)));
    json_decref(root);
}

/* --- the server as a process ------------------------------------------------------- */

static inline void shell(const char *dir, const char *command)
{
    char line[2048];
    snprintf(line, sizeof line, "cd '%s' && %s", dir, command);
    assert_int_equal(system(line), 0);
}

/* The server's program, to be freed. */
static inline char *program_path(void)
{
    const char *build = getenv("BUILD");
    char path[512];
    snprintf(path, sizeof path, "%s/gatehouse-cloud", build ? build : "build");
    char *program = realpath(path, NULL);
    if (!program)
        fail_msg("%s is not there; build it first", path);
    return program;
}

static inline void start(struct fixture *f)
{
    int out[2];
    char line[80] = "";
    char *program = program_path();
    assert_int_equal(pipe(out), 0);
    f->pid = fork();
    if (f->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(f->dir) == 0 && dup2(out[1], 1) == 1)
            execl(program, program, "--data", "data", "--cert", "cert.pem", "--key", "key.pem",
                  "--port", "0", "--token", "token", "--admin-token", "admin-token", f->ca ? "--ca" : NULL,
                  f->ca, (char *)0);
        _exit(127);
    }
    close(out[1]);
    FILE *file = fdopen(out[0], "r");
    const char *got = fgets(line, sizeof line, file);
    fclose(file);
    free(program);
    assert_non_null(got);
    assert_memory_equal(line, "listening on 127.0.0.1:", 23);
    line[strcspn(line, "\n")] = '\0';
    snprintf(f->base, sizeof f->base, "https://%.40s", line + 13);
}

/* Returns the exit status, or minus the signal that ended it. */
static inline int stop(struct fixture *f, int with)
{
    int status = 0;
    kill(f->pid, with);
    waitpid(f->pid, &status, 0);
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "/tmp/gatehouse-cloud-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    *state = f;
    shell(f->dir,
          "K='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes' && "
          "openssl req -x509 $K -keyout ca.key -out ca.pem -days 2 -subj /CN=test-ca 2>log && "
          "openssl req $K -keyout key.pem -out cert.csr -subj /CN=cloud 2>>log && "
          "echo subjectAltName=IP:127.0.0.1 >san && "
          "openssl x509 -req -in cert.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
          "-extfile san -out cert.pem 2>>log && "
          "echo gateway-token-0123456789 >token && echo admin-token-0123456789 >admin-token");
    f->curl = curl_easy_init();
    start(f);
    return f->curl ? 0 : -1;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    int status = f->pid ? stop(f, SIGTERM) : 0;
    curl_easy_cleanup(f->curl);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    int removed = system(command);
    free(f);
    return status == 0 && removed == 0 ? 0 : -1;
}

/* A call in a thread of its own, for what has to wait. */
struct background {
    const struct fixture *f;
    struct request q;
    struct reply reply;
    pthread_t thread;
};

static inline void *run_background(void *context)
{
    struct background *b = context;
    CURL *curl = curl_easy_init();
    call(b->f, curl, &b->reply, b->q);
    curl_easy_cleanup(curl);
    return NULL;
}

static inline struct background *begin(const struct fixture *f, const char *path, long long waiting)
{
    struct background *b = calloc(1, sizeof *b);
    b->f = f;
    b->q = (struct request){.path = path, .token = GATEWAY};
    assert_int_equal(pthread_create(&b->thread, NULL, run_background, b), 0);
    /* The server itself tells when the call has come to wait there. */
    for (int i = 0; i < 3000; i++) {
        if (number_of(admin_get(f, "/admin/state"), "waiting") == waiting)
            return b;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    fail_msg("%s did not come to wait", path);
    return b;
}

static inline void end(struct background *b)
{
    pthread_join(b->thread, NULL);
}

/* Is line number n (from 0) of the body this text, up to where the text ends? */
static inline void assert_line(const struct reply *r, int n, const char *text)
{
    const char *at = r->body;
    for (; n > 0; n--) {
        at = strchr(at, '\n');
        assert_non_null(at);
        at++;
    }
    if (strncmp(at, text, strlen(text)) != 0)
        fail_msg("expected %s, found %.100s", text, at);
}

/* Each test has a server of its own. */
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
