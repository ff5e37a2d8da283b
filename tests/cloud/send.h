/* An answer on its way out, whole, in pieces, or as a fault wants it. */
#ifndef CLOUD_SEND_H
#define CLOUD_SEND_H

#include <microhttpd.h>

#include "http.h"

/* Called before each byte of an answer that drips: lets the call wait until then. false = break
 * the connection off. */
struct pace {
    bool (*pause)(void *context, int64_t until_ms);
    void *context;
};

/* Queues the answer, and takes over what it owns. */
enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer,
                            struct pace pace);

#endif
