/* What must be so at the broker, written down once more, apart from the acl; and the topics and
 * filters that are tried. */
#ifndef TESTS_LIB_RIGHTS_H
#define TESTS_LIB_RIGHTS_H

#include <stdbool.h>

#include "lib/authority.h"

#define RIGHTS_TOPICS 52
#define RIGHTS_WILDCARDS 20
#define RIGHTS_PREFIX "gatehouse/v1/"

extern const char *const rights_topics[RIGHTS_TOPICS];
/* Filters beside one for each topic. */
extern const char *const rights_wildcards[RIGHTS_WILDCARDS];

/* False: no topic to publish to; whoever does loses the connection. */
bool rights_is_topic(const char *topic);
/* Whether it may write the topic, or read it. */
bool rights_allow(const struct principal *p, bool write, const char *topic);
/* MQTT's rules of filters, on what is behind $share/GROUP/. */
bool rights_match(const char *filter, const char *topic);

#endif
