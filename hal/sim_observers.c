#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "line_text.h"
#include "sim_parts.h"

/* --- sending: from the thread that sets relays, and from our own ----------- */

static void let_go(struct sim_observer *o)
{
    o->let_go = true;
    /* Our thread sees the end of the stream and closes it. */
    shutdown(o->fd, SHUT_RDWR);
}

static void watch(struct hal_sim *sim, struct sim_observer *o, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = o};
    if (epoll_ctl(sim->epoll_fd, EPOLL_CTL_MOD, o->fd, &ev) != 0)
        let_go(o);
}

/* Bytes that the kernel took at once; -1 = the observer is lost. */
static ssize_t push(const struct sim_observer *o, const char *bytes, size_t len)
{
    ssize_t n = send(o->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    return n;
}

void sim_send(struct hal_sim *sim, struct sim_observer *to, const char *line, size_t len)
{
    if (to->let_go)
        return;
    size_t done = 0;
    if (to->out_len == 0) {
        ssize_t n = push(to, line, len);
        if (n < 0) {
            let_go(to);
            return;
        }
        done = (size_t)n;
    }
    if (done == len)
        return;
    if (len - done > SIM_BACKLOG_MAX - to->out_len) {
        let_go(to);
        return;
    }
    if (to->out_len == 0)
        watch(sim, to, EPOLLIN | EPOLLOUT);
    memcpy(to->out + to->out_len, line + done, len - done);
    to->out_len += len - done;
}

void sim_send_all(struct hal_sim *sim, const char *line, size_t len)
{
    for (int i = 0; i < SIM_OBSERVERS_MAX; i++)
        if (sim->observer[i])
            sim_send(sim, sim->observer[i], line, len);
}

static void send_backlog(struct hal_sim *sim, struct sim_observer *o)
{
    ssize_t n = push(o, o->out, o->out_len);
    if (n < 0) {
        let_go(o);
        return;
    }
    o->out_len -= (size_t)n;
    memmove(o->out, o->out + n, o->out_len);
    if (o->out_len == 0)
        watch(sim, o, EPOLLIN);
}

/* --- our thread ------------------------------------------------------------ */

static void forget(struct hal_sim *sim, struct sim_observer *o)
{
    for (int i = 0; i < SIM_OBSERVERS_MAX; i++)
        if (sim->observer[i] == o)
            sim->observer[i] = NULL;
    close(o->fd);
    free(o);
}

static void welcome(struct hal_sim *sim, int fd)
{
    int slot = 0;
    while (slot < SIM_OBSERVERS_MAX && sim->observer[slot])
        slot++;
    struct sim_observer *o = slot < SIM_OBSERVERS_MAX ? calloc(1, sizeof *o) : NULL;
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = o};
    if (!o || epoll_ctl(sim->epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        static const char full[] = "error too many observers\n";
        (void)!send(fd, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        close(fd);
        free(o);
        return;
    }
    o->fd = fd;
    sim->observer[slot] = o;
    sim_send_state(sim, o);
}

static void accept_one(struct hal_sim *sim)
{
    int fd = accept4(sim->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        /* Out of descriptors: the caller stays in the queue; do not spin on it. */
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        return;
    }
    pthread_mutex_lock(&sim->lock);
    welcome(sim, fd);
    pthread_mutex_unlock(&sim->lock);
}

/* Takes the whole lines out of the observer's buffer. */
static void obey_lines(struct hal_sim *sim, struct sim_observer *o)
{
    size_t start = 0;
    char *end;
    while (start < o->in_len && (end = memchr(o->in + start, '\n', o->in_len - start))) {
        size_t len = (size_t)(end - (o->in + start));
        if (!o->skipping)
            sim_obey(sim, o, o->in + start, len);
        o->skipping = false;
        start += len + 1;
    }
    o->in_len -= start;
    memmove(o->in, o->in + start, o->in_len);
    if (o->in_len == sizeof o->in) {
        if (!o->skipping)
            sim_send(sim, o, "error line too long\n", 20);
        o->skipping = true;
        o->in_len = 0;
    }
}

/* False if the observer is to be forgotten. */
static bool serve(struct hal_sim *sim, struct sim_observer *o, uint32_t events)
{
    if (events & EPOLLOUT && o->out_len > 0)
        send_backlog(sim, o);
    ssize_t n = recv(o->fd, o->in + o->in_len, sizeof o->in - o->in_len, MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0 || o->let_go)
        return false;
    o->in_len += (size_t)n;
    obey_lines(sim, o);
    return true;
}

static void *run(void *context)
{
    struct hal_sim *sim = context;
    struct epoll_event ev[SIM_OBSERVERS_MAX];
    for (;;) {
        int n = epoll_wait(sim->epoll_fd, ev, SIM_OBSERVERS_MAX, -1);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr == &sim->stop_fd)
                return NULL;
            if (ev[i].data.ptr == &sim->listen_fd) {
                accept_one(sim);
                continue;
            }
            struct sim_observer *o = ev[i].data.ptr;
            pthread_mutex_lock(&sim->lock);
            if (!serve(sim, o, ev[i].events))
                forget(sim, o);
            pthread_mutex_unlock(&sim->lock);
        }
    }
}

/* --- opening and closing --------------------------------------------------- */

static enum hal_err make_address(struct hal_sim *sim, const char *path, char why[HAL_TEXT_MAX])
{
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof sim->address.sun_path)
        return hal_fail(HAL_INVALID, why, "socket path must have 1 to %zu bytes: %.60s",
                        sizeof sim->address.sun_path - 1, path);
    sim->address.sun_family = AF_UNIX;
    memcpy(sim->address.sun_path, path, len + 1);
    struct stat st;
    if (lstat(path, &st) != 0)
        return HAL_OK;
    if (!S_ISSOCK(st.st_mode))
        return hal_fail(HAL_INVALID, why, "%s is there and is not a socket", path);
    if (unlink(path) != 0)
        return hal_fail(HAL_IO, why, "cannot remove the old socket %s: %s", path, strerror(errno));
    return HAL_OK;
}

static enum hal_err listen_at(struct hal_sim *sim, const char *path, char why[HAL_TEXT_MAX])
{
    enum hal_err err = make_address(sim, path, why);
    if (err != HAL_OK)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return hal_fail(HAL_IO, why, "cannot make a socket: %s", strerror(errno));
    /* The mode of the descriptor becomes that of the file: it is never wider. */
    struct stat st;
    if (fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&sim->address, sizeof sim->address) != 0 ||
        lstat(path, &st) != 0 || listen(fd, SIM_OBSERVERS_MAX) != 0) {
        hal_fail(HAL_IO, why, "cannot listen at %s: %s", path, strerror(errno));
        close(fd);
        return HAL_IO;
    }
    sim->socket_dev = st.st_dev;
    sim->socket_ino = st.st_ino;
    sim->listen_fd = fd;
    return HAL_OK;
}

static bool watch_new(struct hal_sim *sim, int *fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = fd};
    return *fd >= 0 && epoll_ctl(sim->epoll_fd, EPOLL_CTL_ADD, *fd, &ev) == 0;
}

/* Signals are for the program's own threads. */
static bool start_thread(struct hal_sim *sim)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&sim->thread, NULL, run, sim);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = failed;
    return failed == 0;
}

/* Only our own: another board may have replaced it. */
static void remove_socket(const struct hal_sim *sim)
{
    struct stat st;
    if (lstat(sim->address.sun_path, &st) == 0 && st.st_dev == sim->socket_dev &&
        st.st_ino == sim->socket_ino)
        unlink(sim->address.sun_path);
}

enum hal_err sim_observers_open(struct hal_sim *sim, const char *path, char why[HAL_TEXT_MAX])
{
    sim->listen_fd = -1;
    if (!path)
        return HAL_OK;
    enum hal_err err = listen_at(sim, path, why);
    if (err != HAL_OK)
        return err;
    sim->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    sim->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sim->epoll_fd >= 0 && watch_new(sim, &sim->stop_fd) && watch_new(sim, &sim->listen_fd) &&
        start_thread(sim))
        return HAL_OK;
    err = hal_fail(HAL_IO, why, "cannot serve observers at %s: %s", path, strerror(errno));
    if (sim->stop_fd >= 0)
        close(sim->stop_fd);
    if (sim->epoll_fd >= 0)
        close(sim->epoll_fd);
    remove_socket(sim);
    close(sim->listen_fd);
    return err;
}

void sim_observers_close(struct hal_sim *sim)
{
    if (sim->listen_fd < 0)
        return;
    (void)!eventfd_write(sim->stop_fd, 1);
    pthread_join(sim->thread, NULL);
    for (int i = 0; i < SIM_OBSERVERS_MAX; i++)
        if (sim->observer[i])
            forget(sim, sim->observer[i]);
    remove_socket(sim);
    close(sim->listen_fd);
    close(sim->stop_fd);
    close(sim->epoll_fd);
}
