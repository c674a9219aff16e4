/* Files that are in the program: made by embed.py of flame.css and flame.js. */
#pragma once

extern const char asset_flame_css[], asset_flame_css_sha256[], asset_flame_js[];
