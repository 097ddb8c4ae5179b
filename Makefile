# Everything that is done with this tree. `make help` lists the targets.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=

TARGET := $(or $(CARGO_TARGET_DIR),target)
VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' Cargo.toml | head -n 1)
SOURCES := Cargo.toml Cargo.lock $(shell find src -name '*.rs')
CONTAINER_FILES := $(wildcard etc/container/*)
MAN_PAGES := man/taskmasterd.8 man/taskmasterctl.1 man/taskmaster.yaml.5 man/taskmaster-protocol.7 man/taskmaster-http.7
# What `make static` builds for: another one by its name, if the toolchain has it.
ARCH ?= x86_64-unknown-linux-musl
STATIC := $(TARGET)/$(ARCH)/static
# Where `make install` and the packages take the binaries from.
FROM ?= $(TARGET)/release
BINARIES := $(FROM)/taskmasterd $(FROM)/taskmasterctl

bindir := $(DESTDIR)$(PREFIX)/bin
mandir := $(DESTDIR)$(PREFIX)/share/man
docdir := $(DESTDIR)$(PREFIX)/share/doc/taskmaster
datadir := $(DESTDIR)$(PREFIX)/share/taskmaster
bashdir := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
zshdir := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
fishdir := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
unitdir := $(DESTDIR)$(PREFIX)/lib/systemd/system

# Where the example configuration has its socket and its logs.
EXAMPLE := /tmp/taskmaster-example
SKIPPED := $(TARGET)/skipped-tests

comma := ,

# The target directory is a variable of this file; one on the command line is meant for `make fuzz`.
FUZZED := $(if $(filter command,$(firstword $(origin TARGET))),$(TARGET),$(basename $(notdir $(wildcard fuzz/fuzz_targets/*.rs))))
SECONDS ?= 60

.PHONY: help build check test check-root lint sim fuzz bench man install uninstall register static static-check dist deb source clean run
.DEFAULT_GOAL := help

help: ## Show this list
	@echo "taskmaster $(VERSION): a process supervisor"
	@echo
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)$$/\1\t\2/p' Makefile | while IFS='	' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done
	@echo
	@echo "  Variables: PREFIX=$(PREFIX) DESTDIR= SEEDS= STEPS= TARGET= SECONDS= ARGS="

run: build ## Build, and start the example configuration in the foreground
	@[ -e $(EXAMPLE) ] || mkdir -m 700 $(EXAMPLE)
	@[ -d $(EXAMPLE) ] && [ ! -L $(EXAMPLE) ] && [ -O $(EXAMPLE) ] || \
		{ echo "$(EXAMPLE) belongs to somebody else: use another place in etc/taskmasterd.yaml" >&2; exit 1; }
	@mkdir -p $(EXAMPLE)/logs
	@echo
	@echo "Starting the programs of etc/taskmasterd.yaml. Ctrl-C stops them and clears up. From another terminal:"
	@echo
	@echo "  $(TARGET)/release/taskmasterctl -s $(EXAMPLE)/control.sock status"
	@echo "  $(TARGET)/release/taskmasterctl -s $(EXAMPLE)/control.sock          (a shell; try help)"
	@echo "  echo status | socat - UNIX-CONNECT:$(EXAMPLE)/control.sock"
	@echo "  http://127.0.0.1:$${PORT:-8080}/          (the dashboard, in a browser)"
	@echo "  ls $(EXAMPLE)/logs"
	@echo
	@# Ctrl-C reaches this shell, too; it outlives the daemon to clear up. After a failure the logs stay.
	@trap : INT TERM; $(TARGET)/release/taskmasterd -n -c etc/taskmasterd.yaml; code=$$?; \
	[ $$code -ne 0 ] || rm -rf $(EXAMPLE); exit $$code

test: ## Run all tests; fetch the Debian packages that they use where that is allowed (ARGS: for cargo test)
	@tests/packages.sh
	$(CARGO) build --locked --bins --examples
	@mkdir -p $(TARGET) && : > $(SKIPPED)
	TASKMASTER_SKIP_LOG=$(abspath $(SKIPPED)) $(CARGO) test --locked --no-fail-fast $(ARGS); code=$$?; echo; \
	if [ -s $(SKIPPED) ]; then echo "Skipped tests:"; sort -u $(SKIPPED); else echo "No test was skipped."; fi; \
	exit $$code

build: ## Build the release binaries
	$(CARGO) build --release --locked

check: lint test ## Everything that a change has to pass: lint and test

check-root: ## Run all tests as root and let none be skipped
	@[ "$$(id -u)" -eq 0 ] || { echo "make check-root: not root" >&2; exit 1; }
	@tests/packages.sh --strict
	TASKMASTER_NO_SKIP=1 $(MAKE) test

lint: man ## Check format, clippy and man pages; dependencies too if cargo-deny is there
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings
	$(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; else echo "cargo-deny is not here: dependencies not checked"; fi

sim: ## Drive the core through simulated lives: SEEDS= how many, STEPS= how long each
	$(if $(SEEDS),TASKMASTER_SIM_SEEDS=$(SEEDS)) $(if $(STEPS),TASKMASTER_SIM_STEPS=$(STEPS)) \
		$(CARGO) test --locked --release --test sim -- --nocapture

fuzz: ## Look for texts that break a reader: TARGET= which one (else all), SECONDS= how long each
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo "cargo-fuzz is not here: cargo install cargo-fuzz" >&2; exit 1; }
	@for target in $(FUZZED); do \
		fuzz/seed $$target && RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run $$target -- \
			-dict=fuzz/dictionary -max_total_time=$(SECONDS) -max_len=8192 -timeout=10 -print_final_stats=1 || exit 1; done

bench: build ## Measure the release binaries (ARGS: see bench/README.md)
	bench/run $(ARGS)

man: ## Check the man pages, and render them as text into target/man
	@if command -v mandoc >/dev/null 2>&1; then \
		mandoc -Tlint -Wwarning $(MAN_PAGES) && mkdir -p $(TARGET)/man && \
		for page in $(MAN_PAGES); do mandoc -Tutf8 $$page > $(TARGET)/man/$${page##*/}.txt || exit 1; done && \
		echo "man pages: clean, rendered in $(TARGET)/man"; \
	else echo "mandoc is not here: man pages not checked"; fi

ifeq ($(FROM),$(TARGET)/release)
$(BINARIES) &: $(SOURCES)
	$(CARGO) build --release --locked
endif

static: ## Build static binaries for any Linux (ARCH=aarch64-unknown-linux-musl if the toolchain has it)
	scripts/build-static $(ARCH) $(ARGS)
	@scripts/check-static $(STATIC)/taskmasterd $(STATIC)/taskmasterctl

static-check: ## Run the tests over the static binaries (ARGS="--test container": one file of them)
	@# ARGS are for the tests alone.
	$(MAKE) static ARGS=
	@tests/packages.sh
	$(CARGO) build --locked --bins --examples
	@mkdir -p $(TARGET) && : > $(SKIPPED)
	TASKMASTER_TESTED_DAEMON=$(abspath $(STATIC))/taskmasterd TASKMASTER_TESTED_CLIENT=$(abspath $(STATIC))/taskmasterctl \
		TASKMASTER_SKIP_LOG=$(abspath $(SKIPPED)) $(CARGO) test --locked --no-fail-fast $(or $(ARGS),--test '*'); code=$$?; echo; \
	if [ -s $(SKIPPED) ]; then echo "Skipped tests:"; sort -u $(SKIPPED); else echo "No test was skipped."; fi; \
	exit $$code

install: $(BINARIES) ## Install below DESTDIR and PREFIX
	install -d $(bindir) $(mandir)/man1 $(mandir)/man5 $(mandir)/man7 $(mandir)/man8 $(docdir) $(unitdir)
	install -d $(datadir)/systemd $(datadir)/openrc $(datadir)/sysv $(datadir)/container $(bashdir) $(zshdir) $(fishdir)
	install -m 755 $(BINARIES) $(bindir)
	$(FROM)/taskmasterctl schema > $(datadir)/taskmaster.schema.json
	chmod 644 $(datadir)/taskmaster.schema.json
	install -m 644 man/taskmasterctl.1 $(mandir)/man1
	install -m 644 man/taskmaster.yaml.5 $(mandir)/man5
	install -m 644 man/taskmaster-protocol.7 $(mandir)/man7
	install -m 644 man/taskmaster-http.7 $(mandir)/man7
	install -m 644 man/taskmasterd.8 $(mandir)/man8
	install -m 644 etc/taskmasterd.yaml README.md CHANGELOG.md LICENSE-APACHE LICENSE-MIT $(docdir)
	@# bash and fish look for a file by the name of the program.
	install -m 644 etc/completions/taskmaster.bash $(bashdir)/taskmasterctl
	ln -sf taskmasterctl $(bashdir)/taskmasterd
	install -m 644 etc/completions/taskmaster.zsh $(zshdir)/_taskmaster
	install -m 644 etc/completions/taskmaster.fish $(fishdir)/taskmasterctl.fish
	ln -sf taskmasterctl.fish $(fishdir)/taskmasterd.fish
	@# What `register` puts in place for the init that is there.
	install -m 755 scripts/register $(datadir)
	install -m 644 etc/service/system.yaml $(datadir)
	install -m 644 etc/systemd/taskmasterd.service $(datadir)/systemd
	install -m 755 etc/openrc/taskmasterd $(datadir)/openrc
	install -m 755 etc/sysv/taskmasterd $(datadir)/sysv
	install -m 644 $(CONTAINER_FILES) $(datadir)/container
	sed 's,/usr/local/bin/,$(PREFIX)/bin/,' etc/systemd/taskmasterd.service > $(unitdir)/taskmasterd.service
	chmod 644 $(unitdir)/taskmasterd.service

register: ## Register the installed daemon with systemd, OpenRC or SysV init (ARGS=--start, ARGS=--remove)
	DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) $(datadir)/register $(ARGS)

uninstall: ## Remove exactly what install put there
	rm -f $(bindir)/taskmasterd $(bindir)/taskmasterctl
	rm -f $(mandir)/man1/taskmasterctl.1 $(mandir)/man5/taskmaster.yaml.5
	rm -f $(mandir)/man7/taskmaster-protocol.7 $(mandir)/man7/taskmaster-http.7 $(mandir)/man8/taskmasterd.8
	rm -f $(docdir)/taskmasterd.yaml $(docdir)/README.md $(docdir)/CHANGELOG.md
	rm -f $(docdir)/LICENSE-APACHE $(docdir)/LICENSE-MIT
	rm -f $(bashdir)/taskmasterctl $(bashdir)/taskmasterd $(zshdir)/_taskmaster
	rm -f $(fishdir)/taskmasterctl.fish $(fishdir)/taskmasterd.fish
	rm -f $(unitdir)/taskmasterd.service
	rm -f $(datadir)/taskmaster.schema.json $(datadir)/register $(datadir)/system.yaml
	rm -f $(datadir)/systemd/taskmasterd.service $(datadir)/openrc/taskmasterd $(datadir)/sysv/taskmasterd
	rm -f $(patsubst etc/%,$(datadir)/%,$(CONTAINER_FILES))
	for dir in systemd openrc sysv container; do [ ! -d $(datadir)/$$dir ] || rmdir --ignore-fail-on-non-empty $(datadir)/$$dir; done
	[ ! -d $(datadir) ] || rmdir --ignore-fail-on-non-empty $(datadir)
	[ ! -d $(docdir) ] || rmdir --ignore-fail-on-non-empty $(docdir)

dist: static ## Make a tarball of the static binaries with all that belongs to them, in target/
	scripts/pack tar $(ARCH) $(TARGET) $(VERSION)

deb: static ## Make a Debian package of the static binaries in target/ (DEBFULLNAME=, DEBEMAIL=: its maintainer)
	scripts/pack deb $(ARCH) $(TARGET) $(VERSION)
	@if [ "$$(id -u)" -ne 0 ]; then echo "the package was not tried: that takes root"; else \
		for package in $(TARGET)/taskmaster_$(VERSION)-1_*.deb; do scripts/check-deb $$package || exit 1; done; fi
	@if command -v lintian >/dev/null 2>&1; then \
		lintian $(if $(DEBEMAIL),,--suppress-tags bogus-mail-host$(comma)bogus-mail-host-in-debian-changelog) \
			$(TARGET)/taskmaster_$(VERSION)-1_*.deb; else echo "lintian is not here"; fi

source: ## Make a source archive of the last commit in target/
	@mkdir -p $(TARGET)
	git archive --format=tar.gz --prefix=taskmaster-$(VERSION)/ -o $(TARGET)/taskmaster-$(VERSION).tar.gz HEAD
	@echo $(TARGET)/taskmaster-$(VERSION).tar.gz

clean: ## Remove everything that was built
	$(CARGO) clean
