/* Inside the simulated board: what its files share. Nobody else includes this.
 *
 * One lock guards everything but the input bank, which belongs to the thread
 * that calls the ports. Nothing under the lock waits: sockets are non-blocking,
 * and who cannot take a line now gets it from the backlog or is let go. */
#ifndef HAL_SIM_PARTS_H
#define HAL_SIM_PARTS_H

#include <pthread.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#include "input_bank.h"
#include "sim.h"

#define SIM_OBSERVERS_MAX 16
#define SIM_LINE_MAX 256       /* bytes of one line, its newline included */
#define SIM_BACKLOG_MAX 131072 /* bytes that an observer may be behind, beside the kernel's */
#define SIM_EDGES_MAX 16       /* edges kept for an input, as in the kernel */

struct sim_relay {
    struct hal_line line;
    char name[HAL_TEXT_MAX];
    bool energized;
    bool stuck;
    uint64_t edges;
    int64_t at_ns; /* of the last change, at first of the adding */
};

struct sim_edge {
    bool active;
    int64_t at_ns;
};

struct sim_input {
    struct hal_line line;
    char name[HAL_TEXT_MAX];
    bool wire;
    int64_t at_ns;
    struct sim_edge edge[SIM_EDGES_MAX]; /* oldest first */
    int n_edges;
    bool overflowed;
};

struct sim_observer {
    int fd;
    bool let_go; /* shut down; its thread will close it */
    bool skipping; /* the rest of a line that was too long */
    size_t in_len, out_len;
    char in[SIM_LINE_MAX];
    char out[SIM_BACKLOG_MAX];
};

struct sim_relay_face {
    struct relay_board board;
    struct hal_sim *sim;
};

struct sim_input_face {
    struct input_board board;
    struct hal_sim *sim;
};

struct hal_sim {
    struct sim_relay_face relay_face;
    struct sim_input_face input_face;
    pthread_mutex_t lock;
    bool gone;
    struct sim_relay *relay; /* owned */
    int n_relays;
    struct sim_input *input; /* owned */
    int n_inputs;
    struct input_bank bank;
    int edge_fd; /* eventfd: edges are waiting */

    struct sockaddr_un address;
    dev_t socket_dev; /* of our own socket file */
    ino_t socket_ino;
    int listen_fd; /* -1 = no socket */
    int epoll_fd;
    int stop_fd; /* eventfd: the thread is to end */
    pthread_t thread;
    struct sim_observer *observer[SIM_OBSERVERS_MAX]; /* owned, NULL = free */
};

/* Fills the ops of a face. */
void sim_relays_init(struct hal_sim *sim);
void sim_inputs_init(struct hal_sim *sim);

/* --- the lock is held by the caller of everything below -------------------- */

/* Whether the line can be had: HAL_GONE, or HAL_INVALID if it is not named or
 * is taken (both users are named). */
enum hal_err sim_line_is_free(const struct hal_sim *sim, const struct hal_line *line,
                              const char *user, char why[HAL_TEXT_MAX]);

/* The input's wire goes to this level now. */
void sim_input_drive(struct hal_sim *sim, int index, bool level);
/* Faults; a change is told to all observers. */
void sim_set_gone(struct hal_sim *sim, bool gone);
void sim_set_stuck(struct hal_sim *sim, int index, bool stuck);

/* Sends a line to one observer, or to all. */
void sim_send(struct hal_sim *sim, struct sim_observer *to, const char *line, size_t len);
void sim_send_all(struct hal_sim *sim, const char *line, size_t len);

/* Lines of the protocol; each returns its length. */
size_t sim_line_relay(const struct hal_sim *sim, int index, char out[SIM_LINE_MAX]);
size_t sim_line_input(const struct hal_sim *sim, int index, char out[SIM_LINE_MAX]);
size_t sim_line_gone(const struct hal_sim *sim, int64_t at_ns, char out[SIM_LINE_MAX]);
size_t sim_line_stuck(const struct hal_sim *sim, int index, int64_t at_ns, char out[SIM_LINE_MAX]);
/* Everything as it is now, to a new observer. */
void sim_send_state(struct hal_sim *sim, struct sim_observer *to);
/* Carries out one line of an observer (without its newline). */
void sim_obey(struct hal_sim *sim, struct sim_observer *from, const char *line, size_t len);

/* --- observers: these take the lock themselves ----------------------------- */

/* Listens at sim->address and starts the thread; NULL path = nothing to do. */
enum hal_err sim_observers_open(struct hal_sim *sim, const char *path, char why[HAL_TEXT_MAX]);
void sim_observers_close(struct hal_sim *sim);

#endif
