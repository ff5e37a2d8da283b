#include "lib/terminal.h"

#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/wait.h"

#define ARGS_MAX 32

bool terminal_open(struct terminal *t, const char *const *argv, int columns)
{
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    char *words[ARGS_MAX + 1] = {NULL};
    for (size_t i = 0; argv[i] && i < ARGS_MAX; i++)
        memcpy(&words[i], &argv[i], sizeof argv[i]); /* execvp wants char *, and writes nothing */
    pid_t parent = getpid();
    *t = (struct terminal){.fd = -1};
    t->pid = forkpty(&t->fd, NULL, NULL, &size);
    if (t->pid == 0) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent)
            execvp(words[0], words);
        _exit(127);
    }
    return t->pid > 0;
}

bool terminal_type(struct terminal *t, const char *text)
{
    return write(t->fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* Takes what comes within the time. False: nothing came, or its other end is closed. */
static bool take_more(struct terminal *t, int64_t end_ns)
{
    char piece[4096];
    int64_t left = end_ns - wait_now_ns();
    struct pollfd p = {.fd = t->fd, .events = POLLIN};
    if (left <= 0 || poll(&p, 1, (int)(left / 1000000) + 1) <= 0)
        return false;
    ssize_t n = read(t->fd, piece, sizeof piece);
    if (n <= 0) /* EIO: nobody has it open */
        return false;
    if (t->len + (size_t)n + 1 > t->room) {
        t->room = 2 * (t->len + (size_t)n + 1);
        t->shown = realloc(t->shown, t->room);
        if (!t->shown)
            abort();
    }
    for (ssize_t i = 0; i < n; i++)
        if (!strchr("\r\a", piece[i])) /* 0, too */
            t->shown[t->len++] = piece[i];
    t->shown[t->len] = '\0';
    return true;
}

bool terminal_wait_text(struct terminal *t, const char *text, int timeout_ms)
{
    int64_t end_ns = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    for (;;) {
        const char *found = t->shown ? strstr(t->shown + t->seen, text) : NULL;
        if (found) {
            t->seen = (size_t)(found - t->shown) + strlen(text);
            return true;
        }
        if (!take_more(t, end_ns)) {
            fprintf(stderr, "# test lib: the terminal does not show \"%s\" but:\n%s\n", text,
                    t->shown ? t->shown : "");
            return false;
        }
    }
}

int terminal_wait_end(struct terminal *t, int timeout_ms)
{
    int status = -1;
    int64_t end_ns = wait_now_ns() + (int64_t)timeout_ms * 1000000;
    while (take_more(t, end_ns)) {
    }
    if (wait_now_ns() >= end_ns)
        (void)kill(t->pid, SIGKILL);
    bool ended = waitpid(t->pid, &status, 0) == t->pid && WIFEXITED(status);
    t->pid = 0;
    return ended ? WEXITSTATUS(status) : -1;
}

void terminal_close(struct terminal *t)
{
    if (t->pid > 0) {
        (void)kill(t->pid, SIGKILL);
        (void)waitpid(t->pid, NULL, 0);
        t->pid = 0;
    }
    if (t->shown || t->fd > 0)
        close(t->fd);
    free(t->shown);
    *t = (struct terminal){.fd = -1};
}
