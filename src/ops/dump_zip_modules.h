/* The files of a process that go into a zip beside its dump. */
#pragma once

#include "ops/dump_archive.h"

#include "capture/capture.h"

/* What debugs the .NET runtime that the process has mapped, if it has. */
int dump_zip_debugger_modules(struct archive *archive, const struct pidref *target,
                              const struct capture *capture, struct error *error) _must_check_;

/* Every mapped ELF file, below sysroot/ at the path that the process knows it by, and by build id. */
int dump_zip_all_modules(struct archive *archive, const struct pidref *target, const struct capture *capture,
                         struct error *error) _must_check_;
