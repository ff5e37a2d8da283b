#include "lib/manager.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <poll.h>
#include <signal.h>
#include <errno.h>

#include "lib/process.h"
#include "lib/wait.h"

#define LOOK_MS 20

struct unit {
    char program[FOLDER_PATH_MAX], stop_post[FOLDER_PATH_MAX];
    int watchdog_s, watchdog_signal, restart_s;
};

struct manager {
    struct unit unit;
    char config[FOLDER_PATH_MAX], log[FOLDER_PATH_MAX];
    char folder[32]; /* of the socket */
    struct sockaddr_un address;
    int notify_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    bool wanted, closing, is_up;
    bool ended_well;
    pid_t pid;
    int starts, launches;
    /* the thread's */
    struct process process;
    int64_t fed_ns;
};

/* --- the unit file ------------------------------------------------------------------------ */

/* The value of the last line "key=value"; false if there is none. */
static bool setting(const char *text, const char *key, char *out, size_t size)
{
    bool found = false;
    size_t len = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, len) != 0 || line[len] != '=')
            continue;
        snprintf(out, size, "%.*s", (int)strcspn(line + len + 1, "\n"), line + len + 1);
        found = true;
    }
    return found;
}

static bool built(const char *text, const char *key, char out[FOLDER_PATH_MAX])
{
    char path[FOLDER_PATH_MAX];
    if (!setting(text, key, path, sizeof path))
        return false;
    char *name = strrchr(path, '/');
    char *word = name ? name + 1 : path;
    word[strcspn(word, " ")] = '\0';
    return place_program(word, out);
}

static bool read_unit(struct unit *unit, const char *name)
{
    char file[64], path[FOLDER_PATH_MAX], value[64];
    snprintf(file, sizeof file, "systemd/%s", name);
    char *text = place_repo_file(file, path) ? folder_read(path, NULL) : NULL;
    bool ok = text && built(text, "ExecStart", unit->program) &&
              built(text, "ExecStopPost", unit->stop_post);
    if (ok && setting(text, "WatchdogSec", value, sizeof value))
        unit->watchdog_s = (int)strtol(value, NULL, 10);
    unit->watchdog_signal = SIGABRT;
    if (ok && setting(text, "WatchdogSignal", value, sizeof value) && strcmp(value, "SIGKILL") == 0)
        unit->watchdog_signal = SIGKILL;
    if (ok && setting(text, "RestartSec", value, sizeof value))
        unit->restart_s = (int)strtol(value, NULL, 10);
    free(text);
    if (!ok)
        lib_say("%s: it does not say what to start and what to do at its end", file);
    return ok;
}

/* --- its life ------------------------------------------------------------------------------- */

static void set(struct manager *m, pid_t pid, bool is_up)
{
    pthread_mutex_lock(&m->lock);
    m->pid = pid;
    m->launches += is_up;
    m->is_up = is_up;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static bool is_wanted(struct manager *m)
{
    pthread_mutex_lock(&m->lock);
    bool wanted = m->wanted && !m->closing;
    pthread_mutex_unlock(&m->lock);
    return wanted;
}

static void hear(struct manager *m)
{
    char text[512];
    ssize_t n = recv(m->notify_fd, text, sizeof text - 1, MSG_DONTWAIT);
    if (n <= 0)
        return;
    text[n] = '\0';
    if (strstr(text, "WATCHDOG=1") || strstr(text, "READY=1"))
        m->fed_ns = wait_now_ns();
    if (!strstr(text, "READY=1"))
        return;
    pthread_mutex_lock(&m->lock);
    m->starts++;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
}

static void watch(struct manager *m)
{
    struct pollfd p[] = {{.fd = m->notify_fd, .events = POLLIN},
                         {.fd = m->process.pidfd, .events = POLLIN}};
    bool told = false;
    while (process_is_alive(&m->process)) {
        (void)poll(p, 2, LOOK_MS);
        hear(m);
        if (m->unit.watchdog_s > 0 && wait_now_ns() - m->fed_ns > m->unit.watchdog_s * 1000000000LL)
            process_signal(&m->process, m->unit.watchdog_signal);
        if (!is_wanted(m) && !told) {
            process_signal(&m->process, SIGTERM);
            told = true;
        }
    }
}

static void live(struct manager *m)
{
    char notify[160];
    snprintf(notify, sizeof notify, "NOTIFY_SOCKET=%s", m->address.sun_path);
    const char *const env[] = {notify, NULL};
    const char *const argv[] = {m->unit.program, "--config", m->config, NULL};
    const char *const post[] = {m->unit.stop_post, "--config", m->config, NULL};
    char *said = NULL;
    m->process = (struct process){0};
    m->fed_ns = wait_now_ns();
    if (process_start(&m->process,
                      &(struct process_options){.argv = argv, .env = env, .log_path = m->log})) {
        set(m, m->process.pid, true);
        watch(m);
    }
    int status = -1;
    (void)process_wait(&m->process, WAIT_MS, &status);
    if (process_run(post, NULL, WAIT_MS, NULL, &said) != 0 && said)
        lib_say("ExecStopPost: %s", said);
    free(said);
    pthread_mutex_lock(&m->lock);
    m->ended_well = status == 0;
    pthread_mutex_unlock(&m->lock);
    set(m, 0, false);
}

static void rest(struct manager *m)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += m->unit.restart_s;
    pthread_mutex_lock(&m->lock);
    while (m->wanted && !m->closing &&
           pthread_cond_timedwait(&m->changed, &m->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&m->lock);
}

static void *run(void *context)
{
    struct manager *m = context;
    for (bool first = true;; first = false) {
        pthread_mutex_lock(&m->lock);
        bool waited = !m->wanted;
        while (!m->wanted && !m->closing)
            pthread_cond_wait(&m->changed, &m->lock);
        bool closing = m->closing;
        pthread_mutex_unlock(&m->lock);
        if (closing)
            return NULL;
        if (!first && !waited)
            rest(m);
        if (is_wanted(m))
            live(m);
    }
}

static bool listen_for_it(struct manager *m)
{
    snprintf(m->folder, sizeof m->folder, "/tmp/manager-XXXXXX");
    if (!mkdtemp(m->folder))
        return false;
    m->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(m->address.sun_path, sizeof m->address.sun_path, "%s/notify", m->folder);
    m->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return m->notify_fd >= 0 &&
           bind(m->notify_fd, (struct sockaddr *)&m->address, sizeof m->address) == 0;
}

struct manager *manager_open(const char *unit, const char *config_path, const char *log)
{
    struct manager *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->notify_fd = -1;
    m->wanted = true;
    snprintf(m->config, sizeof m->config, "%s", config_path);
    snprintf(m->log, sizeof m->log, "%s", log);
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->changed, NULL);
    if (read_unit(&m->unit, unit) && listen_for_it(m) &&
        pthread_create(&m->thread, NULL, run, m) == 0)
        return m;
    lib_say("%s cannot be managed", unit);
    if (m->notify_fd >= 0)
        close(m->notify_fd);
    free(m);
    return NULL;
}

struct ready_wait {
    struct manager *manager;
    int n;
};

static bool is_ready(void *context)
{
    const struct ready_wait *w = context;
    return manager_starts(w->manager) >= w->n;
}

bool manager_wait_ready(struct manager *m, int n, int timeout_ms)
{
    struct ready_wait w = {m, n};
    if (wait_until(is_ready, &w, timeout_ms))
        return true;
    char *text = folder_read(m->log, NULL);
    lib_say("it was ready %d times, not %d: %s", manager_starts(m), n, text ? text : "");
    free(text);
    return false;
}

int manager_starts(struct manager *m)
{
    pthread_mutex_lock(&m->lock);
    int n = m->starts;
    pthread_mutex_unlock(&m->lock);
    return n;
}

int manager_launches(struct manager *m)
{
    pthread_mutex_lock(&m->lock);
    int n = m->launches;
    pthread_mutex_unlock(&m->lock);
    return n;
}

pid_t manager_pid(struct manager *m)
{
    pthread_mutex_lock(&m->lock);
    pid_t pid = m->pid;
    pthread_mutex_unlock(&m->lock);
    return pid;
}

bool manager_stop(struct manager *m)
{
    pthread_mutex_lock(&m->lock);
    m->wanted = false;
    pthread_cond_broadcast(&m->changed);
    while (m->is_up)
        pthread_cond_wait(&m->changed, &m->lock);
    bool well = m->ended_well;
    pthread_mutex_unlock(&m->lock);
    return well;
}

bool manager_start(struct manager *m, int timeout_ms)
{
    int n = manager_starts(m);
    pthread_mutex_lock(&m->lock);
    m->wanted = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    return manager_wait_ready(m, n + 1, timeout_ms);
}

void manager_close(struct manager *m)
{
    if (!m)
        return;
    (void)manager_stop(m);
    pthread_mutex_lock(&m->lock);
    m->closing = true;
    pthread_cond_broadcast(&m->changed);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    close(m->notify_fd);
    unlink(m->address.sun_path);
    rmdir(m->folder);
    free(m);
}
