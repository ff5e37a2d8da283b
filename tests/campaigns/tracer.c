#include "campaigns/tracer.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "lib/wait.h"

#define FLAG "--trace"

/* --- in the tracer ---------------------------------------------------------------------- */

/* Also one that has ended meanwhile (ESRCH), or is ours already (EPERM in the second round). */
static bool seize(pid_t thread, bool again)
{
    const uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
    if (ptrace(PTRACE_SEIZE, thread, NULL, (void *)options) != 0)
        return errno == ESRCH || (again && errno == EPERM);
    return ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) == 0 || errno == ESRCH;
}

static bool attach(pid_t pid, bool again)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    struct dirent *entry;
    bool good = threads != NULL;
    while (good && (entry = readdir(threads))) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread > 0)
            good = seize(thread, again);
    }
    if (threads)
        closedir(threads);
    return good;
}

static bool is_entry(pid_t thread)
{
    struct ptrace_syscall_info info;
    return ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY;
}

/* Goes on to the next stop; with the signal that it was stopped for, if it was for one. */
static void go_on(pid_t thread, int raw)
{
    int signal = WSTOPSIG(raw);
    bool is_signal = signal != (SIGTRAP | 0x80) && raw >> 16 == 0;
    (void)ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(uintptr_t)(is_signal ? signal : 0));
}

static int trace(pid_t pid, int64_t n)
{
    int64_t calls = 0;
    bool is_ours = false;
    int raw;
    /* Twice: a thread that was not ours yet may have started another. */
    if (!attach(pid, false) || !attach(pid, true)) {
        printf("not attached: %s\n", strerror(errno));
        return 1;
    }
    printf("attached\n");
    fflush(stdout);
    for (pid_t thread; (thread = waitpid(-1, &raw, __WALL)) > 0;) {
        if (!WIFSTOPPED(raw))
            continue;
        if (WSTOPSIG(raw) == (SIGTRAP | 0x80) && is_entry(thread) && ++calls == n) {
            is_ours = true;
            kill(pid, SIGKILL);
        }
        go_on(thread, raw);
    }
    printf("calls %" PRId64 " %d\n", calls, is_ours);
    return 0;
}

bool tracer_main(int argc, char **argv, int *status)
{
    if (argc != 4 || strcmp(argv[1], FLAG) != 0)
        return false;
    *status = trace((pid_t)strtol(argv[2], NULL, 10), strtoll(argv[3], NULL, 10));
    return true;
}

/* --- outside ------------------------------------------------------------------------------ */

bool tracer_start(struct process *tracer, const struct folder *folder, pid_t pid, int64_t n)
{
    char log[FOLDER_PATH_MAX], pid_text[16], n_text[24];
    snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
    snprintf(n_text, sizeof n_text, "%" PRId64, n);
    const char *const argv[] = {"/proc/self/exe", FLAG, pid_text, n_text, NULL};
    return folder_file(folder, "tracer.log", log) &&
           process_start(tracer, &(struct process_options){.argv = argv, .log_path = log}) &&
           process_wait_line(tracer, "attached", WAIT_MS, NULL, 0);
}

bool tracer_wait(struct process *tracer, int64_t *calls, bool *is_ours)
{
    char line[80], *end;
    if (!process_wait_line(tracer, "calls ", WAIT_MS, line, sizeof line) ||
        !process_wait(tracer, WAIT_MS, NULL))
        return false;
    *calls = strtoll(line + 6, &end, 10);
    *is_ours = strcmp(end, " 1") == 0;
    return true;
}
