#include "pattern.h"

static const uint64_t step = 0x9E3779B97F4A7C15, first_factor = 0xBF58476D1CE4E5B9, second_factor = 0x94D049BB133111EB;

uint64_t pattern_word(uint64_t seed, uint64_t index) {
    uint64_t word = seed + (index + 1) * step;
    word = (word ^ word >> 30) * first_factor;
    word = (word ^ word >> 27) * second_factor;
    return word ^ word >> 31;
}

/// The inverse of an odd number modulo 2^64: each of Newton's steps doubles the bits that are right.
static uint64_t inverse(uint64_t number) {
    uint64_t result = number;
    for (int round = 0; round < 6; round++)
        result *= 2 - number * result;
    return result;
}

/// Undoes `word ^ word >> shift`.
static uint64_t unmix(uint64_t word, int shift) {
    uint64_t result = word;
    for (int known = shift; known < 64; known += shift)
        result = word ^ result >> shift;
    return result;
}

int64_t pattern_page_number(const uint64_t *page, uint64_t seed) {
    uint64_t word = unmix(page[0], 31) * inverse(second_factor);
    word = unmix(word, 27) * inverse(first_factor);
    word = unmix(word, 30);
    uint64_t index = (word - seed) * inverse(step) - 1;
    const size_t words = pattern_page / sizeof *page;
    // A random word has an index too, but hardly one of a process's memory.
    if (index >> 40 != 0 || index % words != 0)
        return -1;
    for (size_t offset = 0; offset < words; offset++) {
        if (page[offset] != pattern_word(seed, index + offset))
            return -1;
    }
    return (int64_t)(index / words);
}
