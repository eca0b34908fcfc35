/* Numbers by chance for the fuzzing in C, the same ones for the same seed (xorshift, by George Marsaglia). */
#ifndef CHANCE_H
#define CHANCE_H

#include <stdint.h>

static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 11) % below);
}

#endif
