#include "lib/cut.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "lib/wait.h"

static bool changes_names(uint64_t nr)
{
    switch (nr) {
#ifdef SYS_rename
    case SYS_rename:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_unlink:
#endif
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2:
    case SYS_mkdirat:
    case SYS_unlinkat: return true;
    default: return false;
    }
}

static bool writes(const struct ptrace_syscall_info *info)
{
    uint64_t nr = info->entry.nr;
    return nr == SYS_write || nr == SYS_fsync || nr == SYS_fchmod ||
           (nr == SYS_openat && (info->entry.args[2] & O_CREAT));
}

static _Noreturn void become(const struct cut *cut)
{
    int in = open(cut->input ? cut->input : "/dev/null", O_RDONLY);
    int out = cut->output ? open(cut->output, O_WRONLY | O_CREAT | O_TRUNC, 0600)
                          : open("/dev/null", O_WRONLY);
    int null = open("/dev/null", O_WRONLY);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1); /* it cannot look for them under a tracer */
    if (in >= 0 && out >= 0 && null >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
        dup2(null, 2) == 2 && ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0)
        execv(cut->argv[0], (char *const *)(uintptr_t)cut->argv);
    _exit(127);
}

static bool is_step(const struct cut *cut, pid_t thread, int raw)
{
    struct ptrace_syscall_info info;
    return WSTOPSIG(raw) == (SIGTRAP | 0x80) &&
           ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) > 0 &&
           info.op == PTRACE_SYSCALL_INFO_ENTRY &&
           (changes_names(info.entry.nr) || (cut->steps == CUT_WRITES && writes(&info)));
}

int cut_run(const struct cut *cut, int *status)
{
    const uintptr_t options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    int steps = 0, raw = 0;
    *status = -1;
    pid_t child = fork();
    if (child == 0)
        become(cut);
    if (child < 0 || waitpid(child, &raw, 0) != child || !WIFSTOPPED(raw) ||
        ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)options) != 0) {
        lib_say("%s cannot be traced", cut->argv[0]);
        return 0;
    }
    ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    for (pid_t thread; (thread = waitpid(-1, &raw, __WALL)) > 0;) {
        if (!WIFSTOPPED(raw)) {
            if (thread != child)
                continue;
            *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
            break; /* its threads have ended before it */
        }
        if (is_step(cut, thread, raw) && ++steps == cut->at) {
            if (cut->before)
                cut->before();
            kill(child, cut->signal);
        }
        int pending = WSTOPSIG(raw);
        bool is_signal = pending != (SIGTRAP | 0x80) && pending != SIGTRAP && pending != SIGSTOP;
        ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(uintptr_t)(is_signal ? pending : 0));
    }
    return steps;
}
