# The short way in. Everything real is in meson.build and tools/.
BUILD ?= build
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
RUN_ARGS ?=

.PHONY: all run check bench fuzz lint format install deps clean

# Plain make: the program at build/procscope. Says what is missing rather than installing it.
all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) -j $(JOBS) procscope

$(BUILD)/build.ninja:
	@command -v meson >/dev/null || { echo "meson is missing: run 'make deps' first"; exit 1; }
	meson setup --prefix $(PREFIX) $(BUILD)

# Installs what is missing, builds, starts the service and prints its URL. make run RUN_ARGS='--listen 127.0.0.1:8000'
run: deps all
	@exec $(BUILD)/procscope serve $(RUN_ARGS)

# Everything, ending in the line 'N passed, N failed'. tools/check --help names the parts.
check:
	@tools/install-deps --build
	@tools/check

bench: deps all
	@bench/run

# Each fuzz target for a while: make fuzz SECONDS=600
SECONDS ?= 60
fuzz: deps
	@tools/fuzz $(SECONDS)

lint:
	@tools/lint

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	meson install -C $(BUILD) --no-rebuild

deps:
	@tools/install-deps

clean:
	rm -rf $(BUILD) build-*
