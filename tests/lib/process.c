#include "lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/wait.h"

#define ENV_MAX 512
#define LINE_MAX_BYTES 8192
#define LOG_TAIL 4096
#define RUN_OUTPUT_MAX (1L << 20)

extern char **environ;

/* Our environment with the extra entries put in place of those of the same
 * name; entries are borrowed. False if there are too many. */
static bool merge_env(const char *const *extra, char *out[ENV_MAX])
{
    size_t n = 0;
    for (char **e = environ; e && *e; e++) {
        size_t name = strcspn(*e, "=") + 1;
        bool replaced = false;
        for (const char *const *x = extra; x && *x; x++) {
            replaced = replaced || strncmp(*x, *e, name) == 0;
        }
        if (!replaced && n < ENV_MAX - 1) {
            out[n++] = *e;
        }
    }
    for (const char *const *x = extra; x && *x; x++) {
        if (n >= ENV_MAX - 1) {
            return false;
        }
        memcpy(&out[n++], x, sizeof *x); /* execvpe wants char *, and writes nothing */
    }
    out[n] = NULL;
    return true;
}

struct child {
    const char *const *argv;
    char **env;
    const char *cwd;
    int nice;
    int in, out, err; /* become 0, 1, 2 */
    int report;       /* errno goes here when exec fails */
    pid_t parent;
};

/* In the child, between fork and exec: only what is safe there. */
static _Noreturn void become(const struct child *c)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* The parent may be gone already, and then the signal never comes. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != c->parent) {
        _exit(127);
    }
    if (dup2(c->in, 0) >= 0 && dup2(c->out, 1) >= 0 && dup2(c->err, 2) >= 0 &&
        (c->cwd == NULL || chdir(c->cwd) == 0) &&
        (c->nice == 0 || setpriority(PRIO_PROCESS, 0, c->nice) == 0)) {
        char **argv = NULL;
        memcpy(&argv, &c->argv, sizeof argv);
        execvpe(argv[0], argv, c->env);
    }
    int error = errno;
    ssize_t n = write(c->report, &error, sizeof error);
    (void)n;
    _exit(127);
}

/* The child's pid, or -1 (said). Descriptors of c stay with the caller. */
static pid_t spawn(struct child *c)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return -1;
    }
    c->report = report[1];
    c->parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(c);
    }
    close(report[1]);
    int error = pid < 0 ? errno : 0;
    if (pid > 0 && read(report[0], &error, sizeof error) == sizeof error) {
        waitpid(pid, NULL, 0);
        pid = -1;
    }
    close(report[0]);
    if (pid < 0) {
        lib_say("cannot start %s: %s", c->argv[0], strerror(error));
    }
    return pid;
}

static int open_null(void)
{
    return open("/dev/null", O_RDWR | O_CLOEXEC);
}

bool process_start(struct process *process, const struct process_options *o)
{
    char *env[ENV_MAX];
    struct process started = {.pidfd = -1};
    struct stat st;
    int null = open_null();
    int log = open(o->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool ready = null >= 0 && log >= 0 && fstat(log, &st) == 0 && merge_env(o->env, env);
    if (ready) {
        struct child c = {.argv = o->argv, .env = env, .cwd = o->cwd, .nice = o->nice, .in = null, .out = log,
                          .err = log};
        const char *slash = strrchr(o->argv[0], '/');
        snprintf(started.name, sizeof started.name, "%s", slash ? slash + 1 : o->argv[0]);
        snprintf(started.log, sizeof started.log, "%s", o->log_path);
        started.seen = st.st_size;
        started.pid = spawn(&c);
        started.pidfd = started.pid > 0 ? pidfd_open(started.pid, 0) : -1;
    } else {
        lib_say("cannot start %s with log %s: %s", o->argv[0], o->log_path, strerror(errno));
    }
    if (null >= 0) {
        close(null);
    }
    if (log >= 0) {
        close(log);
    }
    if (!ready || started.pid <= 0) {
        return false;
    }
    *process = started;
    return true;
}

static void take_status(struct process *process, int raw)
{
    process->ended = true;
    process->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    if (process->pidfd >= 0) {
        close(process->pidfd);
        process->pidfd = -1;
    }
}

/* Whether it has ended, after waiting for that at most timeout_ms. */
static bool ends_within(struct process *process, int timeout_ms)
{
    int64_t end = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    while (!process->ended) {
        int raw = 0;
        if (waitpid(process->pid, &raw, WNOHANG) == process->pid) {
            take_status(process, raw);
            break;
        }
        int64_t left_ms = (end - wait_now_ns() + 999999) / 1000000;
        if (left_ms <= 0) {
            break;
        }
        struct pollfd p = {process->pidfd, POLLIN, 0};
        if (process->pidfd >= 0) {
            poll(&p, 1, (int)left_ms);
        } else {
            wait_pause_ms(2); /* a kernel without pidfd_open */
        }
    }
    return process->ended;
}

static bool line_fits(const char *line, const char *text, bool anywhere)
{
    return anywhere ? strstr(line, text) != NULL : strncmp(line, text, strlen(text)) == 0;
}

/* Looks through the whole lines of the log behind process->seen. */
static bool look_for_line(struct process *process, const char *text, bool anywhere, char *out,
                          size_t out_max)
{
    char line[LINE_MAX_BYTES];
    bool found = false;
    FILE *log = fopen(process->log, "re");
    if (log == NULL) {
        return false;
    }
    if (fseek(log, (long)process->seen, SEEK_SET) == 0) {
        while (!found && fgets(line, sizeof line, log) != NULL) {
            size_t len = strlen(line);
            bool whole = len > 0 && (line[len - 1] == '\n' || len == sizeof line - 1);
            if (!whole) {
                break; /* the rest is being written */
            }
            process->seen += (int64_t)len;
            line[len - 1] = line[len - 1] == '\n' ? '\0' : line[len - 1];
            found = line_fits(line, text, anywhere);
        }
    }
    fclose(log);
    if (found && out != NULL) {
        snprintf(out, out_max, "%s", line);
    }
    return found;
}

static bool wait_log(struct process *process, const char *text, bool anywhere, int timeout_ms,
                     char *out, size_t out_max)
{
    int64_t end = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        bool ended = process->ended || ends_within(process, 0);
        /* Looked at once more after its end: what it wrote last counts. */
        if (look_for_line(process, text, anywhere, out, out_max)) {
            return true;
        }
        if (ended || wait_now_ns() >= end) {
            lib_say("%s %s without writing \"%s\"", process->name,
                    ended ? "ended" : "went on", text);
            process_show_log(process);
            return false;
        }
        ends_within(process, 2);
    }
}

bool process_wait_line(struct process *process, const char *prefix, int timeout_ms, char *line,
                       size_t line_max)
{
    return wait_log(process, prefix, false, timeout_ms, line, line_max);
}

bool process_wait_text(struct process *process, const char *text, int timeout_ms, char *line,
                       size_t line_max)
{
    return wait_log(process, text, true, timeout_ms, line, line_max);
}

bool process_has_said(const struct process *process, const char *text)
{
    char *log = folder_read(process->log, NULL);
    bool said = log != NULL && strstr(log, text) != NULL;
    free(log);
    return said;
}

bool process_signal(struct process *process, int signal)
{
    return process->pid > 0 && !process->ended && kill(process->pid, signal) == 0;
}

bool process_is_alive(struct process *process)
{
    return process->pid > 0 && !ends_within(process, 0);
}

bool process_wait(struct process *process, int timeout_ms, int *status)
{
    if (process->pid <= 0 || !ends_within(process, timeout_ms)) {
        lib_say("%s did not end", process->name);
        process_show_log(process);
        return false;
    }
    if (status) {
        *status = process->status;
    }
    return true;
}

bool process_kill(struct process *process)
{
    if (process->pid <= 0 || process->ended) {
        return true;
    }
    kill(process->pid, SIGKILL);
    return ends_within(process, WAIT_MS);
}

bool process_stop(struct process *process)
{
    if (process->pid <= 0 || process->ended) {
        return true;
    }
    kill(process->pid, SIGTERM);
    kill(process->pid, SIGCONT); /* one that a test has frozen must be able to end */
    if (ends_within(process, 10000)) {
        return true;
    }
    lib_say("%s does not end on SIGTERM; killed", process->name);
    process_show_log(process);
    process_kill(process);
    return false;
}

void process_show_log(const struct process *process)
{
    size_t len = 0;
    char *log = process->log[0] ? folder_read(process->log, &len) : NULL;
    if (log == NULL) {
        return;
    }
    const char *tail = len > LOG_TAIL ? log + len - LOG_TAIL : log;
    fprintf(stderr, "# --- end of the log of %s\n", process->name);
    while (*tail) {
        size_t n = strcspn(tail, "\n");
        fprintf(stderr, "# | %.*s\n", (int)n, tail);
        tail += n + (tail[n] == '\n');
    }
    free(log);
}

/* An unnamed temporary file that holds text. */
static int scratch_file(const char *text)
{
    int fd = memfd_create("run", MFD_CLOEXEC);
    size_t len = text ? strlen(text) : 0;
    if (fd >= 0 && (write(fd, text ? text : "", len) != (ssize_t)len ||
                    lseek(fd, 0, SEEK_SET) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static char *take_file(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    size_t want = size > RUN_OUTPUT_MAX ? (size_t)RUN_OUTPUT_MAX : (size_t)(size > 0 ? size : 0);
    char *text = malloc(want + 1);
    if (text != NULL) {
        ssize_t got = pread(fd, text, want, 0);
        text[got > 0 ? got : 0] = '\0';
    }
    return text;
}

int process_run(const char *const *argv, const char *input, int timeout_ms, char **out,
                char **err_out)
{
    char *env[ENV_MAX];
    int in = scratch_file(input);
    int o = scratch_file(NULL);
    int e = scratch_file(NULL);
    int status = -1;
    if (in >= 0 && o >= 0 && e >= 0 && merge_env(NULL, env)) {
        struct child c = {.argv = argv, .env = env, .in = in, .out = o, .err = e};
        struct process process = {.pidfd = -1};
        process.pid = spawn(&c);
        process.pidfd = process.pid > 0 ? pidfd_open(process.pid, 0) : -1;
        if (process.pid > 0 && ends_within(&process, timeout_ms)) {
            status = process.status;
        } else if (process.pid > 0) {
            lib_say("%s did not end in %d ms; killed", argv[0], timeout_ms);
            process_kill(&process);
        }
    }
    if (out) {
        *out = o >= 0 ? take_file(o) : NULL;
    }
    if (err_out) {
        *err_out = e >= 0 ? take_file(e) : NULL;
    }
    int fds[3] = {in, o, e};
    for (int i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    return status;
}

bool process_shell(int timeout_ms, const char *format, ...)
{
    char *command = NULL, *err = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&command, format, args);
    va_end(args);
    if (len < 0)
        return false;
    const char *const argv[] = {"sh", "-ec", command, NULL};
    int status = process_run(argv, NULL, timeout_ms, NULL, &err);
    if (status != 0)
        lib_say("%s: ended with %d: %s", command, status, err ? err : "");
    free(command);
    free(err);
    return status == 0;
}
