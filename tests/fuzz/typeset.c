/* Fuzzing of src/typeset's reader of content streams under AddressSanitizer and UBSan: `typeset SEED ROUNDS`.
 *
 * Each round makes a content of tokens and stray octets, in a buffer of exactly its length, and reads it; what is said to
 * be shown must lie within what was read.
 */
#include "../../src/typeset/typeset.h"
#include "chance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const TOKENS[] = {
    "(a)", "(\\", "\\)", "(", ")", "<41>", "<4", ">", "<<", ">>", "[", "]", "Tj", "TJ", "'", "\"", "Tc", "Tw", "q", "Q",
    "BI", "7 Tr", "/P scn", "/OC /M BDC", "/", "%", "\r", "\n", " ", "-1.5", "9999999999999999999999999", "+", ".", "BT",
    "\\101", "\\9", "{", "}", "true", "null", "(a)'", "<a>Tj",
};

static size_t fill(uint8_t *content, size_t space)
{
    size_t length = 0, wanted = draw((uint32_t)space);
    uint32_t last = sizeof TOKENS / sizeof *TOKENS;
    if (draw(2)) /* of few kinds, so that brackets close now and then */
        last = 1 + draw(last);
    while (length < wanted) {
        if (!draw(20)) {
            content[length++] = (uint8_t)draw(256);
            continue;
        }
        const char *token = TOKENS[draw(last)];
        size_t octets = strlen(token);
        if (length + octets > space)
            break;
        memcpy(content + length, token, octets);
        length += octets;
        if (length < space && draw(2))
            content[length++] = ' ';
    }
    return length;
}

static int is_sound(const Strings *strings)
{
    for (size_t number = 0; number < strings->shown_count; number++) {
        const Shown *shown = strings->shown + number;
        if (!shown->count || (size_t)shown->first + shown->count > strings->piece_count)
            return 0;
        for (uint32_t at = shown->first; at < shown->first + shown->count; at++)
            if (!strings->pieces[at].length ||
                (size_t)strings->pieces[at].start + strings->pieces[at].length > strings->octet_count)
                return 0;
    }
    return 1;
}

int main(int count, char **words)
{
    uint8_t scratch[400];
    size_t read = 0;
    state = count > 1 ? strtoull(words[1], NULL, 10) : 1;
    for (unsigned long rounds = count > 2 ? strtoul(words[2], NULL, 10) : 1000; rounds; rounds--) {
        size_t length = fill(scratch, sizeof scratch);
        uint8_t *content = malloc(length ? length : 1);
        if (content == NULL)
            abort();
        memcpy(content, scratch, length);
        Strings strings;
        Outcome outcome = read_strings(content, length, &strings);
        if (outcome == READ && !is_sound(&strings)) {
            printf("finding: strings out of bounds\n");
            return 1;
        }
        read += outcome == READ && strings.shown_count;
        release_strings(&strings);
        free(content);
    }
    if (!read) {
        printf("finding: nothing was ever read\n");
        return 1;
    }
    printf("no finding; %zu contents showed something\n", read);
    return 0;
}
