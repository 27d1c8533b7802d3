#include "allocation.h"

#include <malloc.h>

void cl_share_one_arena(void) {
    mallopt(M_ARENA_MAX, 1);
}
