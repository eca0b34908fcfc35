/* Words of 64 bits, first pixel in the highest bit, whatever the machine's own order of octets is. */
#ifndef BITS_H
#define BITS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t load_word(const uint8_t *octets)
{
    uint64_t word;
    memcpy(&word, octets, 8);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline void store_word(uint8_t *octets, uint64_t word)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    memcpy(octets, &word, 8);
}

/* The word that begins with `count` octets, 1 to 7, and ends in zeros. */
static inline uint64_t load_part(const uint8_t *octets, unsigned count)
{
    uint64_t word = 0;
    for (unsigned at = 0; at < count; at++)
        word |= (uint64_t)octets[at] << (56 - 8 * at);
    return word;
}

/* Every octet with its first bit last. */
static inline uint64_t reverse_octets(uint64_t word)
{
    word = (word & 0x5555555555555555u) << 1 | (word >> 1 & 0x5555555555555555u);
    word = (word & 0x3333333333333333u) << 2 | (word >> 2 & 0x3333333333333333u);
    return (word & 0x0f0f0f0f0f0f0f0fu) << 4 | (word >> 4 & 0x0f0f0f0f0f0f0f0fu);
}

#endif
