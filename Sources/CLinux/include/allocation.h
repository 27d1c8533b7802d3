#pragma once

/// Has all threads allocate from one arena (mallopt(3), M_ARENA_MAX); to be called before there are others.
void cl_share_one_arena(void);
