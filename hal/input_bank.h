/* What the inputs of every board share: one debounce machine an input, one
 * descriptor to poll, one timer. A board brings edges and reads lines. */
#ifndef HAL_INPUT_BANK_H
#define HAL_INPUT_BANK_H

#include "debounce.h"
#include "input.h"

struct input_bank {
    int epoll_fd; /* nests the board's descriptors and the timer */
    int timer_fd;
    struct debounce *input; /* owned */
    int n;
};

/* In epoll_event.data.u32 of the timer; a board's own are below it. */
#define INPUT_BANK_TIMER UINT32_MAX

/* Reads a line past the debounce. */
typedef enum hal_err (*input_bank_read)(void *board, int index, bool *active);

/* HAL_IO, with nothing to close, when the system has no descriptors left. */
enum hal_err input_bank_open(struct input_bank *bank);
void input_bank_close(struct input_bank *bank);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t input_bank_now_ns(void);

/* Makes room for one more input, so that input_bank_add cannot fail. */
enum hal_err input_bank_reserve(struct input_bank *bank);
/* Adds an input (after input_bank_reserve); returns its index. */
int input_bank_add(struct input_bank *bank, int debounce_ms, bool active);

/* An edge; true if *out is a change that was due before it. */
bool input_bank_edge(struct input_bank *bank, int index, bool active, int64_t at_ns,
                     struct input_change *out);

/* Edges behind the newest one were lost, and at at_ns the line was at this level. */
void input_bank_gap(struct input_bank *bank, int index, bool active, int64_t at_ns);

/* The line was away and is now at this level: it counts as an edge of now. */
void input_bank_restart(struct input_bank *bank, int index, bool active);

/* The line was read. If it rests at another level than was told, an edge was lost: it
 * counts as one of now. */
void input_bank_compare(struct input_bank *bank, int index, bool active);

/* As input_ops.restless_ms; index is one of the bank's. */
int64_t input_bank_restless_ms(const struct input_bank *bank, int index);

/* To be called when no edge is waiting: settles one input whose time is over,
 * else sets the timer. HAL_OK: *out is set. HAL_INVALID: nothing now. Other
 * errors: what read gave last; inputs that cannot be read stay as they were. */
enum hal_err input_bank_settle(struct input_bank *bank, input_bank_read read, void *board,
                               struct input_change *out);

#endif
