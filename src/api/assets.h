/* Files of src/api/assets inside the program: the front opens none. */
#pragma once

extern const char asset_page_css[], asset_page_css_sha256[];
extern const char asset_schemas[];
