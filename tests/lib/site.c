#include "lib/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adapters/json/json.h"
#include "app/control.h"
#include "lib/certs.h"
#include "lib/port.h"
#include "lib/wait.h"

#define PAGE 500

static bool write_config(struct site *site, const struct site_options *options)
{
    static const char format[] =
        "[site]\nid = " SITE_ID "\ngateway = " SITE_GATEWAY "\nstate_dir = %s\nrun_dir = %s\n"
        "battery_clock = yes\n%s\n"
        "[broker]\nport = %d\n%s"
        "[cloud]\nurl = https://127.0.0.1:%d\n%s%s";
    static const char own_files[] = "ca_file = %s/ca.pem\ntoken_file = %s/token\n"
                                    "policy_key_file = %s/policy.pub\ncommand_key_file = %s/command.pub\n";
    char text[8192], account[2 * FOLDER_PATH_MAX + 100] = "", files[2048];
    const char *dir = site->folder.path;
    if (options->has_accounts)
        snprintf(account, sizeof account,
                 "username = @gatehoused\npassword_file = %s/broker.password\ndir = %s/broker\n",
                 dir, dir);
    if (options->is_enrolled)
        snprintf(files, sizeof files, "dir = %s\n", site->identity_dir);
    else
        snprintf(files, sizeof files, own_files, dir, dir, dir, dir);
    int n = snprintf(text, sizeof text, format, site->state_dir, site->run_dir,
                     options->site_lines ? options->site_lines : "", site->broker.port,
                     account, site->cloud_port, files, options->config);
    return n < (int)sizeof text && folder_write(&site->folder, "gatehouse.conf", text, 0600) &&
           folder_file(&site->folder, "gatehouse.conf", site->config_path);
}

/* NAME.seed for the cloud, NAME.pub for the gateway to pin. */
static bool make_key(struct site *site, const char *name)
{
    char program[FOLDER_PATH_MAX], file[64], path[FOLDER_PATH_MAX], *key = NULL;
    snprintf(file, sizeof file, "%s.seed", name);
    if (!place_program("gatehouse-cloud", program) || !folder_file(&site->folder, file, path))
        return false;
    const char *const argv[] = {program, "--make-key", path, NULL};
    bool good = process_run(argv, NULL, WAIT_MS, &key, NULL) == 0;
    snprintf(file, sizeof file, "%s.pub", name);
    good = good && folder_write(&site->folder, file, key, 0600);
    free(key);
    return good;
}

bool site_make(struct site *site, const struct site_options *options)
{
    *site = (struct site){
        .real_lines = options->real_lines,
        .gatehoused_program = options->gatehoused ? options->gatehoused : "gatehoused",
    };
    char ca[FOLDER_PATH_MAX];
    if (!folder_make(&site->folder) || !folder_file(&site->folder, "state", site->state_dir) ||
        !folder_file(&site->folder, "run", site->run_dir) ||
        !folder_file(&site->folder, "identity", site->identity_dir) ||
        !folder_file(&site->folder, "run/" CONTROL_SOCKET, site->control) ||
        !folder_file(&site->folder, "run/sim.sock", site->sim) ||
        !folder_file(&site->folder, "ca.pem", ca) || !certs_make_ca(&site->folder, "ca") ||
        !certs_make_server(&site->folder, "ca", "cloud", CERT_GOOD) ||
        !folder_write(&site->folder, "token", "gateway-token-of-a-test\n", 0600) ||
        !folder_write(&site->folder, "admin-token", "admin-token-of-a-test\n", 0600))
        return false;
    if (!make_key(site, "policy") || !make_key(site, "command"))
        return false;
    site->cloud_port = port_free();
    if (!broker_prepare(&site->broker, &site->folder))
        return false;
    web_client_init(&site->admin, site->cloud_port, ca, "admin-token-of-a-test");
    snprintf(site->events_url, sizeof site->events_url,
             "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/events");
    return site->cloud_port && write_config(site, options);
}

void site_end(struct site *site)
{
    simwatch_close(site->watch);
    site->watch = NULL;
    process_stop(&site->syncd);
    process_stop(&site->gatehoused);
    process_stop(&site->cloud);
    broker_end(&site->broker);
    folder_remove(&site->folder);
}

static bool start(struct site *site, struct process *process, const char *program,
                  const char *const *arguments, int nice)
{
    const char *argv[24];
    char path[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX], name[64];
    size_t n = 0;
    snprintf(name, sizeof name, "%s.log", program);
    if (!place_program(program, path) || !folder_file(&site->folder, name, log))
        return false;
    argv[n++] = path;
    while (*arguments && n < 23)
        argv[n++] = *arguments++;
    argv[n] = NULL;
    return process_start(
        process, &(struct process_options){.argv = argv, .log_path = log, .nice = nice});
}

bool site_start_broker(struct site *site)
{
    return broker_start_again(&site->broker);
}

bool site_start_cloud(struct site *site)
{
    char data[FOLDER_PATH_MAX], cert[FOLDER_PATH_MAX], key[FOLDER_PATH_MAX];
    char token[FOLDER_PATH_MAX], admin[FOLDER_PATH_MAX], port[8];
    char policy[FOLDER_PATH_MAX], command[FOLDER_PATH_MAX], ca[FOLDER_PATH_MAX];
    const struct folder *f = &site->folder;
    if (!folder_file(f, "cloud", data) || !folder_file(f, "cloud.pem", cert) ||
        !folder_file(f, "cloud.key", key) || !folder_file(f, "token", token) ||
        !folder_file(f, "admin-token", admin) || !folder_file(f, "policy.seed", policy) ||
        !folder_file(f, "command.seed", command) || !folder_file(f, "ca.pem", ca))
        return false;
    mkdir(data, 0700);
    snprintf(port, sizeof port, "%d", site->cloud_port);
    const char *const arguments[] = {
        "--data",    data,        "--cert",  cert,  "--key",         key,   "--port", port,
        "--address", "127.0.0.1", "--token", token, "--admin-token", admin,
        "--policy-key", policy, "--command-key", command, "--ca", ca, NULL};
    return start(site, &site->cloud, "gatehouse-cloud", arguments, 0) &&
           process_wait_line(&site->cloud, "listening on", WAIT_MS, NULL, 0);
}

static bool is_bus_up(void *context)
{
    char *answer = site_ask(context, "{\"call\":\"status\"}");
    bool up = answer && strstr(answer, "\"broker\":{\"up\":true}");
    free(answer);
    return up;
}

static bool is_asked(void *context)
{
    char *answer = site_ask(context, "{\"call\":\"status\"}");
    bool served = answer != NULL;
    free(answer);
    return served;
}

bool site_launch_gatehoused(struct site *site)
{
    const char *board = site->real_lines ? NULL : "--sim";
    const char *const arguments[] = {"--config", site->config_path, board, NULL};
    return start(site, &site->gatehoused, site->gatehoused_program, arguments, 0);
}

static bool start_gatehoused(struct site *site, bool (*is_ready)(void *context))
{
    if (!site_launch_gatehoused(site))
        return false;
    if (!site->real_lines)
        site->watch = simwatch_open(site->sim, WAIT_MS);
    if ((site->watch || site->real_lines) && wait_until(is_ready, site, WAIT_MS))
        return true;
    process_show_log(&site->gatehoused);
    return false;
}

bool site_start_gatehoused(struct site *site)
{
    return start_gatehoused(site, is_bus_up);
}

bool site_start_gatehoused_alone(struct site *site)
{
    return start_gatehoused(site, is_asked);
}

/* The priority that its unit gives it. */
static bool read_nice(int *out)
{
    char path[FOLDER_PATH_MAX];
    char *unit = place_repo_file("systemd/gatehouse-syncd.service", path) ? folder_read(path, NULL) : NULL;
    const char *line = unit ? strstr(unit, "\nNice=") : NULL;
    if (line)
        *out = (int)strtol(line + sizeof "\nNice=" - 1, NULL, 10);
    else
        lib_say("no Nice in the unit of gatehouse-syncd");
    free(unit);
    return line != NULL;
}

bool site_start_syncd(struct site *site)
{
    const char *const arguments[] = {"--config", site->config_path, NULL};
    int nice;
    return read_nice(&nice) && start(site, &site->syncd, "gatehouse-syncd", arguments, nice);
}

bool site_start_all(struct site *site)
{
    return site_start_broker(site) && site_start_cloud(site) && site_start_gatehoused(site) &&
           site_start_syncd(site);
}

static void close_watch(struct site *site)
{
    simwatch_close(site->watch);
    site->watch = NULL;
}

bool site_kill_gatehoused(struct site *site)
{
    bool ok = process_kill(&site->gatehoused);
    close_watch(site);
    return ok;
}

bool site_stop_gatehoused(struct site *site)
{
    bool ok = process_stop(&site->gatehoused);
    close_watch(site);
    return ok;
}

static bool post(struct site *site, const char *path, const char *body)
{
    struct web_reply reply;
    if (!web_post(&site->admin, path, body, &reply))
        return false;
    bool ok = reply.status == 200;
    if (!ok)
        lib_say("the cloud answers %ld to %s: %s", reply.status, path, reply.body);
    web_reply_free(&reply);
    return ok;
}

bool site_put_rows(struct site *site, const char *ndjson)
{
    return post(site, "/admin/sites/" SITE_ID "/rows", ndjson);
}

bool site_command(struct site *site, const char *json, char id[65])
{
    struct web_reply reply;
    struct slice text = {0};
    if (!web_post(&site->admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/commands", json,
                  &reply))
        return false;
    struct json *v = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    bool good = reply.status == 200 && v && json_text(v, "id", &text) && text.len <= 64;
    snprintf(id, 65, "%.*s", good ? (int)text.len : 0, good ? text.ptr : "");
    if (!good)
        lib_say("the cloud answers %ld to a command: %s", reply.status, reply.body);
    json_free(v);
    web_reply_free(&reply);
    return good;
}

static bool take_word(const struct json *v, const char *name, char out[65])
{
    struct slice text;
    if (!json_text(v, name, &text) || text.len > 64)
        return false;
    snprintf(out, 65, "%.*s", (int)text.len, text.ptr);
    return true;
}

bool site_new_token(struct site *site, int ttl_s, char token[65], char print[65])
{
    char body[32];
    struct web_reply reply;
    snprintf(body, sizeof body, "{\"ttl_s\":%d}", ttl_s);
    if (!web_post(&site->admin, "/admin/sites/" SITE_ID "/gateways/" SITE_GATEWAY "/enrolment", body,
                  &reply))
        return false;
    struct json *v = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    bool good = v && take_word(v, "token", token) && take_word(v, "ca_sha256", print);
    if (!good)
        lib_say("the cloud answers %ld to a token: %s", reply.status, reply.body);
    json_free(v);
    web_reply_free(&reply);
    return good;
}

bool site_settings(struct site *site, const char *json)
{
    return post(site, "/admin/settings", json);
}

bool site_fault(struct site *site, const char *json)
{
    return post(site, "/admin/faults", json);
}

static bool keep(void *context, struct slice text)
{
    char **line = context;
    *line = strndup(text.ptr, text.len);
    return false;
}

char *site_ask(const struct site *site, const char *request)
{
    char *line = NULL;
    if (control_call(site->control, slice_of(request), WAIT_MS, keep, &line) != GH_OK)
        return NULL;
    return line;
}

int64_t site_status_number(const struct site *site, const char *object, const char *member)
{
    int64_t n = -1;
    char *answer = site_ask(site, "{\"call\":\"status\"}");
    struct json *status = answer ? json_parse_object(slice_of(answer), NULL, 0) : NULL;
    const struct json *part = status ? json_child(status, object) : NULL;
    if (part)
        json_int(part, member, &n);
    json_free(status);
    free(answer);
    return n;
}

struct number_wait {
    const struct site *site;
    const char *object, *member;
    int64_t number;
    bool exactly;
};

static bool number_is_there(void *context)
{
    const struct number_wait *w = context;
    int64_t n = site_status_number(w->site, w->object, w->member);
    return w->exactly ? n == w->number : n >= w->number;
}

bool site_wait_number(const struct site *site, const char *object, const char *member,
                      int64_t number, bool exactly, int timeout_ms)
{
    struct number_wait w = {site, object, member, number, exactly};
    return wait_until(number_is_there, &w, timeout_ms);
}

int64_t site_cloud_rev(struct site *site)
{
    struct web_reply reply;
    struct web_client gateway = site->admin;
    int64_t rev = -1;
    snprintf(gateway.token, sizeof gateway.token, "gateway-token-of-a-test");
    if (!web_get(&gateway, "/v1/sites/" SITE_ID "/checkpoint", &reply))
        return -1;
    struct json *checkpoint = json_parse_object(slice_make(reply.body, reply.len), NULL, 0);
    if (checkpoint)
        json_int(checkpoint, "rev", &rev);
    json_free(checkpoint);
    web_reply_free(&reply);
    return rev;
}

bool site_wait_policy(struct site *site, int timeout_ms)
{
    int64_t rev = site_cloud_rev(site);
    return rev > 0 && site_wait_number(site, "policy", "rev", rev, false, timeout_ms);
}

/* --- tally ---------------------------------------------------------------------- */

struct tally {
    struct site_tally sum;
    char **reads; /* "reader id" of each access event */
    size_t n, room;
};

static bool add_read(struct tally *t, const struct json *event)
{
    struct slice reader, id;
    char text[160];
    if (!json_text(event, "read_id", &id) || !json_text(event, "reader", &reader))
        return true;
    if (t->n == t->room) {
        size_t room = t->room ? t->room * 2 : 1024;
        char **reads = realloc(t->reads, room * sizeof *reads);
        if (!reads)
            return false;
        t->reads = reads;
        t->room = room;
    }
    snprintf(text, sizeof text, "%.*s %.*s", (int)reader.len, reader.ptr, (int)id.len, id.ptr);
    t->reads[t->n] = strdup(text);
    return t->reads[t->n++] != NULL;
}

static bool add_line(struct tally *t, struct slice line)
{
    int64_t seq = 0, own = 0;
    struct slice kind;
    struct json *v = json_parse_object(line, NULL, 0);
    const struct json *event = v ? json_child(v, "event") : NULL;
    bool ok = event && json_int(v, "seq", &seq) && json_int(event, "seq", &own) && seq == own &&
              json_text(event, "kind", &kind);
    if (!ok)
        lib_say("the cloud has a line that is no event: %.*s", (int)line.len, line.ptr);
    if (ok && t->sum.count++ == 0)
        t->sum.first_seq = seq;
    else if (ok && seq <= t->sum.last_seq)
        t->sum.doubled++;
    else if (ok)
        t->sum.missing += seq - t->sum.last_seq - 1;
    t->sum.last_seq = seq;
    ok = ok && (!slice_is(kind, "access") || add_read(t, event));
    json_free(v);
    return ok;
}

/* Lines of a page; -1 = it could not be had. */
static int add_page(struct site *site, struct tally *t)
{
    char path[256];
    struct web_reply reply;
    int lines = 0;
    snprintf(path, sizeof path, "%s?after=%lld&limit=%d", site->events_url,
             (long long)t->sum.last_seq, PAGE);
    if (!web_get(&site->admin, path, &reply) || reply.status != 200)
        return -1;
    const char *at = reply.body, *end = reply.body + reply.len, *newline;
    while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
        if (!add_line(t, slice_make(at, (size_t)(newline - at)))) {
            lines = -1;
            break;
        }
        at = newline + 1;
        lines++;
    }
    web_reply_free(&reply);
    return lines;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool site_tally(struct site *site, struct site_tally *out)
{
    struct tally t = {0};
    int lines;
    while ((lines = add_page(site, &t)) == PAGE)
        ;
    if (t.n > 0)
        qsort(t.reads, t.n, sizeof *t.reads, by_text);
    for (size_t i = 1; i < t.n; i++)
        t.sum.doubled += strcmp(t.reads[i - 1], t.reads[i]) == 0;
    for (size_t i = 0; i < t.n; i++)
        free(t.reads[i]);
    free(t.reads);
    *out = t.sum;
    return lines >= 0;
}

bool site_wait_drained(struct site *site, int timeout_ms)
{
    return site_wait_number(site, "journal", "queued", 0, true, timeout_ms);
}
