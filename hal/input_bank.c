#include "input_bank.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000

int64_t input_bank_now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

enum hal_err input_bank_open(struct input_bank *bank)
{
    struct input_bank b = {.epoll_fd = -1, .timer_fd = -1};
    b.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (b.epoll_fd < 0)
        return HAL_IO;
    b.timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (b.timer_fd < 0)
        goto no_timer;
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = INPUT_BANK_TIMER};
    if (epoll_ctl(b.epoll_fd, EPOLL_CTL_ADD, b.timer_fd, &ev) != 0)
        goto no_watch;
    *bank = b;
    return HAL_OK;
no_watch:
    close(b.timer_fd);
no_timer:
    close(b.epoll_fd);
    return HAL_IO;
}

void input_bank_close(struct input_bank *bank)
{
    close(bank->timer_fd);
    close(bank->epoll_fd);
    free(bank->input);
}

enum hal_err input_bank_reserve(struct input_bank *bank)
{
    struct debounce *grown = reallocarray(bank->input, (size_t)bank->n + 1, sizeof *grown);
    if (!grown)
        return HAL_IO;
    bank->input = grown;
    return HAL_OK;
}

int input_bank_add(struct input_bank *bank, int debounce_ms, bool active)
{
    debounce_init(&bank->input[bank->n], debounce_ms, active);
    return bank->n++;
}

static void tell(struct input_change *out, int index, const struct debounce_change *change)
{
    *out = (struct input_change){
        .index = index, .active = change->level, .mono_ns = change->began_ns};
}

bool input_bank_edge(struct input_bank *bank, int index, bool active, int64_t at_ns,
                     struct input_change *out)
{
    struct debounce_change change;
    if (!debounce_edge(&bank->input[index], active, at_ns, &change))
        return false;
    tell(out, index, &change);
    return true;
}

/* Earliest end of a disturbance; INT64_MAX = there is none. */
static int64_t earliest(const struct input_bank *bank, int *index)
{
    int64_t first = INT64_MAX;
    for (int i = 0; i < bank->n; i++) {
        int64_t due;
        if (debounce_due(&bank->input[i], &due) && due < first) {
            first = due;
            *index = i;
        }
    }
    return first;
}

/* Setting the timer also takes back that it has run out. */
static void set_timer(const struct input_bank *bank, int64_t due_ns)
{
    struct itimerspec at = {0};
    if (due_ns != INT64_MAX) {
        if (due_ns < 1)
            due_ns = 1; /* zero would mean never */
        at.it_value.tv_sec = due_ns / SECOND_NS;
        at.it_value.tv_nsec = (long)(due_ns % SECOND_NS);
    }
    timerfd_settime(bank->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

void input_bank_gap(struct input_bank *bank, int index, bool active, int64_t at_ns)
{
    debounce_gap(&bank->input[index], active, at_ns);
}

void input_bank_restart(struct input_bank *bank, int index, bool active)
{
    struct debounce_change none;
    debounce_rest(&bank->input[index]);
    (void)debounce_edge(&bank->input[index], active, input_bank_now_ns(), &none);
    int first;
    set_timer(bank, earliest(bank, &first));
}

void input_bank_compare(struct input_bank *bank, int index, bool active)
{
    const struct debounce *d = &bank->input[index];
    if (!d->busy && d->settled != active)
        input_bank_restart(bank, index, active);
}

int64_t input_bank_restless_ms(const struct input_bank *bank, int index)
{
    const struct debounce *d = &bank->input[index];
    return d->busy ? (input_bank_now_ns() - d->began_ns) / 1000000 + 1 : 0; /* never 0 while busy */
}

enum hal_err input_bank_settle(struct input_bank *bank, input_bank_read read, void *board,
                               struct input_change *out)
{
    enum hal_err result = HAL_INVALID;
    int i = 0;
    int64_t due;
    while ((due = earliest(bank, &i)) <= input_bank_now_ns()) {
        bool active;
        enum hal_err err = read(board, i, &active);
        struct debounce_change change;
        if (err != HAL_OK) {
            debounce_rest(&bank->input[i]);
            result = err;
        } else if (debounce_end(&bank->input[i], active, input_bank_now_ns(), &change)) {
            tell(out, i, &change);
            return HAL_OK;
        }
    }
    set_timer(bank, due);
    return result;
}
