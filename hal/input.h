/* Inputs of a board: contacts, exit buttons, alarms.
 *
 * Debounce is done here, on the kernel's edge timestamps, so that it is the
 * same on every version of libgpiod. */
#ifndef HAL_INPUT_H
#define HAL_INPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "relay.h"

/* A debounced change of an input. */
struct input_change {
    int index;
    bool active;          /* after active_low */
    int64_t mono_ns;      /* CLOCK_MONOTONIC of the edge that began it */
};

enum input_bias { INPUT_BIAS_AS_IS, INPUT_BIAS_PULL_UP, INPUT_BIAS_PULL_DOWN };

struct input_board;

struct input_ops {
    /* Adds an input; debounce_ms 0..1000. *active is its level now. Other
     * outputs and errors as in relay_ops.add. */
    enum hal_err (*add)(struct input_board *b, const struct hal_line *line, const char *user,
                        enum input_bias bias, int debounce_ms, int *index, bool *active,
                        char why[HAL_TEXT_MAX]);

    /* A descriptor that polls readable when next() may have something: either
     * an edge or the end of a debounce time. Borrowed; one for the board. */
    int (*fd)(struct input_board *b);

    /* The next debounced change. HAL_OK: *out is set. HAL_INVALID: nothing now.
     * HAL_GONE, HAL_IO: nothing now, and the board does not answer; get() tries
     * again, and what changed meanwhile comes through here afterwards. A kernel may
     * wake nobody for a board that goes away: get() finds that out, too. */
    enum hal_err (*next)(struct input_board *b, struct input_change *out);

    /* Reads the line itself, past the debounce. One that rests at another level than was
     * told has lost an edge: it counts as one of now, and next() brings the change. So
     * whoever asks now and then has no input that stays inverted. */
    enum hal_err (*get)(struct input_board *b, int index, bool *active);

    /* For how long the input has not come to rest, in ms; 0 = it rests. */
    int64_t (*restless_ms)(struct input_board *b, int index);

    void (*close)(struct input_board *b);
};

/* Every implementation has this as its first member. */
struct input_board {
    const struct input_ops *ops;
};

/* As hal_gpiod_relays; also NULL when the system has no descriptors left. */
struct input_board *hal_gpiod_inputs(void);

#endif
