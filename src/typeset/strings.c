/* What the operators of a content stream show, in order: strings, what is between them, and the spacing that applies. */
#include "typeset.h"

#include <stdlib.h>
#include <string.h>

#define MOST_OPERANDS 8
#define MOST_SAVED 256      /* graphics states on the stack */
#define LONGEST_STRING 32767 /* pdfium reads no more */

typedef struct {
    float character_space, word_space;
} Spacing;

typedef struct {
    const uint8_t *at, *end;
    Strings *out;
    float operands[MOST_OPERANDS]; /* the last numbers before an operator, outside of arrays */
    size_t operand_count;
    uint32_t pending; /* the first piece that no operator has shown yet */
    int in_array, last_is_name, names_optional_content;
    Spacing spacing, saved[MOST_SAVED];
    size_t saved_count;
} Reader;

static int is_space(uint8_t octet)
{
    return octet == ' ' || octet == '\n' || octet == '\r' || octet == '\t' || octet == '\f' || octet == 0;
}

static int is_delimiter(uint8_t octet)
{
    return octet != 0 && strchr("()<>[]{}/%", octet) != NULL;
}

static int is_regular(uint8_t octet)
{
    return !is_space(octet) && !is_delimiter(octet);
}

static int hex_value(uint8_t octet)
{
    if (octet >= '0' && octet <= '9')
        return octet - '0';
    octet |= 0x20;
    return octet >= 'a' && octet <= 'f' ? octet - 'a' + 10 : -1;
}

static void skip_space(Reader *reader)
{
    while (reader->at < reader->end) {
        if (*reader->at == '%')
            while (reader->at < reader->end && *reader->at != '\n' && *reader->at != '\r')
                reader->at++;
        else if (is_space(*reader->at))
            reader->at++;
        else
            return;
    }
}

/* The octet that a backslash stands for; -1 for none, as before the end of a line. */
static int escaped(Reader *reader)
{
    if (reader->at == reader->end)
        return -1;
    uint8_t octet = *reader->at++;
    switch (octet) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case '\r':
        if (reader->at < reader->end && *reader->at == '\n')
            reader->at++;
        return -1;
    case '\n':
        return -1;
    }
    if (octet < '0' || octet > '7')
        return octet;
    int value = octet - '0';
    for (int digit = 0; digit < 2 && reader->at < reader->end && *reader->at >= '0' && *reader->at <= '7'; digit++)
        value = value * 8 + *reader->at++ - '0';
    return value & 0xff;
}

/* The buffers are as long as the content, which has more octets than what it says. */
static Outcome end_string(Reader *reader, uint32_t start)
{
    Strings *out = reader->out;
    uint32_t length = (uint32_t)out->octet_count - start;
    if (length > LONGEST_STRING)
        return UNREADABLE;
    if (length)
        out->pieces[out->piece_count++] = (Piece){start, length, 0};
    return READ;
}

static Outcome read_literal(Reader *reader)
{
    Strings *out = reader->out;
    uint32_t start = (uint32_t)out->octet_count, depth = 1;
    while (reader->at < reader->end) {
        uint8_t octet = *reader->at++;
        int value = octet;
        if (octet == '\\') {
            value = escaped(reader);
        } else if (octet == '(') {
            depth++;
        } else if (octet == ')') {
            if (--depth == 0)
                return end_string(reader, start);
        } else if (octet == '\r') {
            if (reader->at < reader->end && *reader->at == '\n')
                reader->at++;
            value = '\n';
        }
        if (value >= 0)
            out->octets[out->octet_count++] = (uint8_t)value;
    }
    return UNREADABLE;
}

static Outcome read_hex(Reader *reader)
{
    Strings *out = reader->out;
    uint32_t start = (uint32_t)out->octet_count;
    int first = -1;
    while (reader->at < reader->end) {
        uint8_t octet = *reader->at++;
        int value = hex_value(octet);
        if (octet == '>') {
            if (first >= 0)
                out->octets[out->octet_count++] = (uint8_t)(first << 4);
            return end_string(reader, start);
        }
        if (value < 0) {
            if (!is_space(octet))
                return UNREADABLE;
        } else if (first < 0) {
            first = value;
        } else {
            out->octets[out->octet_count++] = (uint8_t)(first << 4 | value);
            first = -1;
        }
    }
    return UNREADABLE;
}

/* Pass over a dictionary, whose first bracket has been read. */
static Outcome skip_dictionary(Reader *reader)
{
    size_t octets = reader->out->octet_count, pieces = reader->out->piece_count, depth = 1;
    while (depth) {
        skip_space(reader);
        if (reader->end - reader->at < 2)
            return UNREADABLE;
        uint8_t octet = *reader->at++, next = *reader->at;
        Outcome outcome = READ;
        if (octet == '<' && next == '<')
            reader->at++, depth++;
        else if (octet == '>' && next == '>')
            reader->at++, depth--;
        else if (octet == '(')
            outcome = read_literal(reader);
        else if (octet == '<')
            outcome = read_hex(reader);
        if (outcome != READ)
            return outcome;
    }
    reader->out->octet_count = octets;
    reader->out->piece_count = pieces;
    return READ;
}

static int read_number(const uint8_t *at, const uint8_t *end, float *number)
{
    double value = 0, place = 1;
    int negative = at < end && *at == '-', digits = 0, fraction = 0;
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++) {
        if (*at == '.' && !fraction) {
            fraction = 1;
        } else if (*at >= '0' && *at <= '9') {
            digits++;
            value = value * 10 + (*at - '0');
            if (fraction)
                place *= 10;
        } else {
            return 0;
        }
    }
    if (!digits || digits > 30)
        return 0;
    *number = (float)((negative ? -value : value) / place);
    return 1;
}

static float operand(const Reader *reader, size_t from_last)
{
    return from_last < reader->operand_count ? reader->operands[reader->operand_count - 1 - from_last] : 0;
}

static void take_number(Reader *reader, float number)
{
    if (reader->in_array) {
        if (reader->out->piece_count > reader->pending)
            reader->out->pieces[reader->out->piece_count - 1].kerning += number;
        return;
    }
    if (reader->operand_count == MOST_OPERANDS)
        memmove(reader->operands, reader->operands + 1, (MOST_OPERANDS - 1) * sizeof *reader->operands);
    else
        reader->operand_count++;
    reader->operands[reader->operand_count - 1] = number;
}

/* Note that what is pending is shown. Strings without a letter make no text object in pdfium. */
static void show(Reader *reader)
{
    Strings *out = reader->out;
    uint32_t count = (uint32_t)(out->piece_count - reader->pending);
    if (count)
        out->shown[out->shown_count++] =
            (Shown){reader->pending, count, reader->spacing.character_space, reader->spacing.word_space};
    reader->pending = (uint32_t)out->piece_count;
}

static int is(const uint8_t *start, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(start, name, length) == 0;
}

static Outcome take_operator(Reader *reader, const uint8_t *start, size_t length)
{
    if (is(start, length, "Tj") || is(start, length, "TJ") || is(start, length, "'")) {
        show(reader);
    } else if (is(start, length, "\"")) {
        reader->spacing.word_space = operand(reader, 1);
        reader->spacing.character_space = operand(reader, 0);
        show(reader);
    } else if (is(start, length, "Tc")) {
        reader->spacing.character_space = operand(reader, 0);
    } else if (is(start, length, "Tw")) {
        reader->spacing.word_space = operand(reader, 0);
    } else if (is(start, length, "q")) {
        if (reader->saved_count == MOST_SAVED)
            return UNREADABLE;
        reader->saved[reader->saved_count++] = reader->spacing;
    } else if (is(start, length, "Q")) {
        if (reader->saved_count)
            reader->spacing = reader->saved[--reader->saved_count];
    } else if (is(start, length, "BI")) {
        return UNREADABLE;
    } else if (is(start, length, "Tr")) {
        if (operand(reader, 0) >= 4)
            return UNREADABLE;
    } else if (is(start, length, "scn") || is(start, length, "SCN")) {
        if (reader->last_is_name)
            return UNREADABLE;
    } else if (is(start, length, "BDC")) {
        if (reader->names_optional_content)
            return UNREADABLE;
    }
    reader->pending = (uint32_t)reader->out->piece_count;
    reader->operand_count = 0;
    reader->last_is_name = reader->names_optional_content = 0;
    return READ;
}

static Outcome take_word(Reader *reader)
{
    const uint8_t *start = reader->at;
    while (reader->at < reader->end && is_regular(*reader->at))
        reader->at++;
    float number;
    if (read_number(start, reader->at, &number)) {
        take_number(reader, number);
        reader->last_is_name = 0;
        return READ;
    }
    size_t length = (size_t)(reader->at - start);
    if (reader->in_array || is(start, length, "true") || is(start, length, "false") || is(start, length, "null"))
        return reader->in_array ? UNREADABLE : READ;
    return take_operator(reader, start, length);
}

static void take_name(Reader *reader)
{
    const uint8_t *start = reader->at;
    while (reader->at < reader->end && is_regular(*reader->at))
        reader->at++;
    reader->last_is_name = 1;
    reader->names_optional_content |= is(start, (size_t)(reader->at - start), "OC");
}

static Outcome take_token(Reader *reader)
{
    switch (*reader->at) {
    case '(':
        reader->at++;
        return read_literal(reader);
    case '<':
        reader->at++;
        if (reader->at < reader->end && *reader->at == '<') {
            reader->at++;
            return skip_dictionary(reader);
        }
        return read_hex(reader);
    case '[':
        reader->at++;
        reader->in_array++;
        return reader->in_array > 1 ? UNREADABLE : READ;
    case ']':
        reader->at++;
        return reader->in_array-- ? READ : UNREADABLE;
    case '/':
        reader->at++;
        take_name(reader);
        return READ;
    case ')':
    case '>':
    case '{':
    case '}':
        return UNREADABLE;
    }
    return take_word(reader);
}

Outcome read_strings(const uint8_t *content, size_t length, Strings *strings)
{
    memset(strings, 0, sizeof *strings);
    if (length > INT32_MAX)
        return UNREADABLE;
    strings->octets = malloc(length + 1);
    strings->pieces = malloc((length / 3 + 1) * sizeof *strings->pieces); /* (a) has three octets */
    strings->shown = malloc((length / 4 + 1) * sizeof *strings->shown);   /* (a)' has four */
    if (!strings->octets || !strings->pieces || !strings->shown)
        return NO_MEMORY;
    Reader reader = {.at = content, .end = content + length, .out = strings};
    for (;;) {
        skip_space(&reader);
        if (reader.at == reader.end)
            return READ;
        Outcome outcome = take_token(&reader);
        if (outcome != READ)
            return outcome;
    }
}

void release_strings(Strings *strings)
{
    free(strings->shown);
    free(strings->pieces);
    free(strings->octets);
    memset(strings, 0, sizeof *strings);
}
