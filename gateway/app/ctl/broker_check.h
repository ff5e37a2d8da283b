/* config check, the broker's folder. */
#ifndef GATEHOUSE_APP_CTL_BROKER_CHECK_H
#define GATEHOUSE_APP_CTL_BROKER_CHECK_H

#include "app/config.h"

/* Says on standard error what is wrong with it, and what should be known; returns how many
 * mistakes there are. What is not looked at, for want of rights, is no mistake. */
int broker_check(const struct config *config);

#endif
