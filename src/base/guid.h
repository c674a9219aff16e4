/* Identifiers of 128 bits (RFC 9562), as text and as bytes: 7b03fa5a-88ef-4630-899d-418bc0a3eb76. */
#pragma once

#include "base/cleanup.h"

#include <stdbool.h>
#include <stdint.h>

enum { GUID_SIZE = 16, GUID_TEXT_SIZE = 37 };

void guid_text(const uint8_t guid[GUID_SIZE], char text[GUID_TEXT_SIZE]); /* in lower case */
/* Windows's and .NET's own order in memory, in which the first three numbers are little-endian. */
void guid_text_dotnet(const uint8_t guid[GUID_SIZE], char text[GUID_TEXT_SIZE]);
/* In any case. -EINVAL: it is none. */
int guid_parse(const char *text, uint8_t ret_guid[GUID_SIZE]) _must_check_;
