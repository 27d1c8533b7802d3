#pragma once

#include <stddef.h>
#include <stdint.h>

// What memory-pattern writes, and what core-read looks for: SplitMix64's output, so that pages differ from each other,
// and words within a page.

enum { pattern_page = 4096 };

/// The word at an index.
uint64_t pattern_word(uint64_t seed, uint64_t index);

/// Which page of the pattern this one is, from 0; -1 where it is none.
int64_t pattern_page_number(const uint64_t *page, uint64_t seed);
