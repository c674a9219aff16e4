/* Bearer tokens of ours, "pst_ID_SECRET": the file that says of each who has it and what he may, and its
 * check. The file holds no token but a salted hash of each; a fast hash will do, since a secret of 256 random
 * bits can't be guessed, however fast one tries.
 *
 * A line a token, blanks between:  ID ROLE CREATED EXPIRES SALT HASH NAME
 * times in seconds since 1970, EXPIRES 0 never; SALT and HASH in hex; HASH = HMAC-SHA-256(SALT, token). */
#pragma once

#include "access/principal.h"
#include "base/array.h"
#include "base/buffer.h"
#include "base/error.h"

enum {
    TOKENS_MAX = 4096,
    TOKEN_ID_SIZE = 8 + 1,
    TOKEN_SALT_SIZE = 16,
    TOKEN_HASH_SIZE = 32,
    TOKEN_NAME_SIZE = 64,
    TOKEN_TEXT_SIZE = 64, /* of the token itself */
};

struct token {
    char id[TOKEN_ID_SIZE]; /* hex */
    enum role role;
    int64_t created, expires;
    uint8_t salt[TOKEN_SALT_SIZE], hash[TOKEN_HASH_SIZE];
    char name[TOKEN_NAME_SIZE];
};

struct token_list {
    struct token *items;
    size_t count, capacity;
};
void token_list_release(struct token_list *list);
#define _cleanup_token_list_ _cleanup_(token_list_release)

/* path names the file in errors; text is changed. Adds to the list. */
int token_list_parse(struct token_list *list, const char *path, char *text, struct error *error) _must_check_;
int token_list_write(const struct token_list *list, struct buffer *out) _must_check_;

/* Makes one and adds it; ret_text gets the token, which is nowhere else. name: printable, without blanks. */
int token_list_add(struct token_list *list, const char *name, enum role role, int64_t now, int64_t expires,
                   char ret_text[TOKEN_TEXT_SIZE], struct error *error) _must_check_;

/* Whose it is. -ENOENT: it is none of these, or it has expired. Takes the same time for each of them. */
int token_list_check(const struct token_list *list, const char *text, int64_t now,
                     struct principal *ret_principal) _must_check_;
