# Makefile - builds, tests and installs librecur. GNU make; `make help` lists what it can do.
#
#   make                        lib/librecur.so, lib/librecur.a, build/recur, build/examples/*
#   make test                   everything that is checked, in one run; TEST=name for one
#   make PREFIX=/usr DESTDIR=/tmp/stage install
#
# Yours to set:
#   CC CFLAGS CPPFLAGS LDFLAGS      compiler and flags; yours come last. CFLAGS=-g shows variables
#   ISAS="ref avx2"                 instruction sets that are compiled, of ref sse2 avx2_exact avx2
#                                   avx512 neon vec4; one of them runs on every such machine
#   BLAS=none                       no BLAS: the library computes all products itself
#   TRAIN=none BATCH=none FILES=none THREADS=none REDUCED=none KINDS="lstm gru"
#                                   leave something out: docs/embedding.md
#   BLAS_LIBS BLAS_CFLAGS           another BLAS than OpenBLAS
#   ZLIB=none                       examples that read plain files only
#   PREFIX BINDIR LIBDIR MANDIR DESTDIR   where install puts things
#   DEBUG=1                         what is installed keeps its names and lines for debuggers
#   RECUR_PREFIX=my_                functions of the static library are called my_recur_...
#   SANITIZE=address,undefined      a build of its own, with these checks
#   HARDEN=none                     without the compiler's defences against overruns
#   TEST=name MNIST=folder BENCH="" FUZZ=name SECONDS=60   what the targets take
#   WERROR=1 V=1                    warnings are errors; whole commands are shown

VERSION := $(shell awk '/define RECUR_VERSION_(MAJOR|MINOR|PATCH) / \
    { v = v (v == "" ? "" : ".") $$3 } END { print v }' include/recur/base.h)
# The number in the soname rises when something public is removed or changed, and only then.
SONAME  := librecur.so.0

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
MANDIR     ?= $(PREFIX)/share/man
PKG_CONFIG ?= pkg-config
OBJCOPY    ?= objcopy
NM         ?= nm
STRIP      ?= strip
ifeq ($(origin AR),default)
AR := ar
endif

# Some systems keep the header of OpenBLAS in a folder of its own.
CBLAS       := /usr/include/openblas/cblas.h /opt/homebrew/opt/openblas/include/cblas.h
BLAS_CFLAGS ?= $(addprefix -isystem ,$(dir $(firstword $(wildcard $(CBLAS)))))
BLAS_LIBS   ?= -lopenblas

# BLAS=cblas: the large gradient products go to the CBLAS of BLAS_LIBS. BLAS=none: the library
# computes all of them itself. Without a word, what is found.
ifeq ($(BLAS),)
BLAS := $(shell CC='$(CC)' CFLAGS='$(CFLAGS)' CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)' \
          BLAS_LIBS='$(BLAS_LIBS)' BLAS_CFLAGS='$(BLAS_CFLAGS)' scripts/deps.sh --blas)
ifeq ($(BLAS),none)
$(info There is no CBLAS here ($(BLAS_LIBS)): the library computes all products itself (BLAS=none).)
endif
endif
ifeq ($(filter cblas none,$(BLAS)),)
$(error BLAS is "$(BLAS)"; it must be cblas or none)
endif
ifeq ($(BLAS),none)
override BLAS_LIBS   :=
override BLAS_CFLAGS :=
endif
# The examples read packed files where there is a zlib; ZLIB=none takes none.
ifeq ($(ZLIB),)
ZLIB := $(shell CC='$(CC)' CFLAGS='$(CFLAGS)' CPPFLAGS='$(CPPFLAGS)' LDFLAGS='$(LDFLAGS)' \
          scripts/deps.sh --zlib)
endif
export CC CFLAGS CPPFLAGS LDFLAGS BLAS BLAS_LIBS BLAS_CFLAGS PKG_CONFIG SANITIZE
export LIBRARY_LIBS OBJCOPY NM

Q := $(if $(V),,@)
comma := ,
OPEN := (

# ---- where things go -----------------------------------------------------------------------------

# A sanitizer build keeps to itself: build/address-undefined/ holds its objects and its libraries.
ifeq ($(SANITIZE),)
DIR := build
LIB := lib
TO_LIB := ../../lib# from the examples to the library
else
DIR := build/$(subst $(comma),-,$(SANITIZE))$(if $(findstring clang,$(CC)),-clang)
LIB := $(DIR)/lib
TO_LIB := ../lib
endif
export BUILD := $(DIR)

STATIC := $(LIB)/librecur.a

# The shared library by its name on the system that the compiler builds for, what it is asked for by
# (LINKED), and how it is linked. DLL: what is compiled is part of one.
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
DLL     :=
ifneq ($(filter %-mingw32 %-windows-gnu,$(MACHINE)),)
SHARED := $(LIB)/librecur-0.dll
LINKS  :=
LINKED := $(LIB)/librecur.dll.a
DLL    := -DRECUR__DLL
AS_SHARED := -shared -static-libgcc -Wl,--out-implib,$(LINKED)
else ifneq ($(findstring -darwin,$(MACHINE))$(findstring -macos,$(MACHINE)),)
SHARED := $(LIB)/librecur.$(VERSION).dylib
LINKS  := $(LIB)/librecur.0.dylib $(LIB)/librecur.dylib
LINKED := $(LIB)/librecur.dylib
AS_SHARED := -dynamiclib -Wl,-install_name,@rpath/librecur.0.dylib
else
SHARED := $(LIB)/librecur.so.$(VERSION)
LINKS  := $(LIB)/$(SONAME) $(LIB)/librecur.so
LINKED := $(LIB)/librecur.so
AS_SHARED := -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/librecur.map \
             -Wl,--gc-sections -Wl,-Bsymbolic-functions \
             $(if $(filter none,$(HARDEN)),,-Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now) \
             $(if $(SANITIZE),,-Wl$(comma)--no-undefined)
endif

# ---- instruction sets ----------------------------------------------------------------------------

# Those that are compiled; ISAS="ref avx2" takes fewer. vec4 are vectors of four as the compiler
# makes them, for machines that have no set of their own here. sse2, avx2_exact and vec4 agree bit
# for bit (RECUR_CONTEXT_EXACT), so each machine has one of these.
ISAS    := ref vec4
ifneq ($(filter x86_64-% amd64-%,$(MACHINE)),)
ISAS := ref sse2 avx2_exact avx2 avx512
endif
ifneq ($(filter i386-% i486-% i586-% i686-%,$(MACHINE)),)
ISAS := ref$(if $(filter -mfpmath=sse,$(CC) $(CFLAGS)), sse2)# the old unit rounds otherwise
endif
ifneq ($(filter aarch64-% arm64-%,$(MACHINE)),)
ISAS := ref vec4 neon
endif

FLAGS_ref    := -Os -ffp-contract=off
FLAGS_sse2   := -O3 -msse2 -ffp-contract=off
FLAGS_avx2   := -O3 -mavx2 -mfma -ffp-contract=fast
FLAGS_avx512 := -O3 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mavx2 -mfma \
                -mprefer-vector-width=512 -ffp-contract=fast
FLAGS_neon   := -O3 -ffp-contract=fast
FLAGS_vec4   := -O3 -ffp-contract=off $(if $(filter wasm%,$(MACHINE)),-msimd128)
FLAGS_avx2_exact := -O3 -mavx2 -mno-fma -ffp-contract=off

ifneq ($(filter %-mingw32,$(MACHINE)),)
# GCC for Windows keeps vectors on a stack that is aligned for 16 bytes only.
FLAGS_avx2   += -Wa,-muse-unaligned-vector-move
FLAGS_avx512 += -Wa,-muse-unaligned-vector-move
endif
# ---- what is left out ----------------------------------------------------------------------------

# Each is a macro too: TRAIN=none is RECUR_TRAIN=0, KINDS="lstm gru" is RECUR_ONLY_lstm and
# RECUR_ONLY_gru. src/base/features.h says what they mean.
CELLS    := $(filter-out table,$(patsubst src/cells/%.c,%,$(wildcard src/cells/*.c)))
TYPES    := $(shell sed -n 's/^    X.\([a-z_]*\),.*/\1/p' src/model/types.c)
SWITCHES := TRAIN BATCH FILES THREADS REDUCED
LEFT_OUT := $(foreach switch,$(SWITCHES),$(if $(filter none,$($(switch))),-DRECUR_$(switch)=0)) \
            $(KINDS:%=-DRECUR_ONLY_%)
CELLS_IN := $(or $(filter $(CELLS),$(KINDS)),$(CELLS))
$(foreach switch,$(SWITCHES),$(if $(filter command%,$(origin $(switch))),\
    $(if $(filter none,$($(switch))),,$(error $(switch) is "$($(switch))"; it can only be none))))
$(if $(filter-out $(CELLS) $(TYPES),$(KINDS)),\
    $(error KINDS has $(filter-out $(CELLS) $(TYPES),$(KINDS)); there are $(CELLS) $(TYPES)))

# ---- flags ---------------------------------------------------------------------------------------

ifneq ($(filter -ffast-math -Ofast,$(CC) $(CFLAGS) $(LDFLAGS)),)
$(error -ffast-math and -Ofast break NaN, and switch off small numbers in the whole process that \
loads the library)
endif

LANGUAGE := -std=c11 -D_POSIX_C_SOURCE=200809L
ifneq ($(filter s390x-%,$(MACHINE)),) # GCC computes with doubles there, as old processors did
LANGUAGE += -fexcess-precision=fast
endif
WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow $(if $(WERROR),-Werror)
ifneq ($(DLL),) # the C library's words of a format; isfinite() there takes a double for a float
LANGUAGE += -D__USE_MINGW_ANSI_STDIO=1
WARNINGS += -Wno-float-conversion
endif

# Defences against overruns, of those that the compiler has: canaries, jumps to marked places only,
# calls of the C library with the sizes that the compiler knows. Sanitizers have their own.
WISHED   := -fstack-protector-strong -fcf-protection=full -mbranch-protection=standard
HARDENED :=
# A DLL shall need no other one, and WebAssembly has no addresses to overwrite.
ifeq ($(SANITIZE)$(filter none,$(HARDEN))$(DLL)$(filter wasm%,$(MACHINE)),)
HARDENED := $(shell for flag in $(WISHED); do echo 'int x;' | $(CC) -Werror $$flag -x c \
              -fsyntax-only - 2>/dev/null && echo $$flag; done) \
            $(if $(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
export HARDENED
CHECKED  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -DRECUR__CHECKED,\
              $(HARDENED))
# -g1 is enough for a backtrace; -g takes half as long again to compile. CFLAGS=-g shows variables.
# Functions and data have sections of their own: a linker leaves out what is not used.
BASE     := $(LANGUAGE) $(if $(SANITIZE),-O1,-O2) -g1 -fPIC -fvisibility=hidden \
            -fno-math-errno -fno-trapping-math -ffp-contract=off -ffunction-sections \
            -fdata-sections $(WARNINGS) $(CHECKED)
HAS      := $(addprefix -DRECUR__HAS_,$(ISAS)) $(if $(filter cblas,$(BLAS)),-DRECUR__BLAS)

LIBRARY_FLAGS = $(BASE) $(LEFT_OUT) -Iinclude -Isrc $(BLAS_CFLAGS)
# A constant of a test shall be the double or float that it is compared with, on x87 too.
EXACT := $(if $(filter i386-% i486-% i586-% i686-%,$(MACHINE)),-fexcess-precision=fast)
# GCC 12 for aarch64 breaks over vectors that it makes of a test; tests need none.
TEST_FLAGS    = $(LIBRARY_FLAGS) -fno-tree-vectorize -DRECUR_STATIC -Itests $(HAS) \
                $(EXACT) $(if $(DLL),-Itests/windows -include tests/windows/posix.h -Wno-format)
EXAMPLE_FLAGS = $(LANGUAGE) -O2 -g $(WARNINGS) $(CHECKED) -Iinclude -Iexamples \
                $(if $(filter none,$(ZLIB)),-DNO_ZLIB)

LIBRARY_LIBS := $(BLAS_LIBS) -lm $(if $(DLL)$(filter none,$(THREADS)),,-lpthread)

COMPILE    = $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
USE_SHARED = $(LINKED) -Wl,-rpath,'$$ORIGIN/$(TO_LIB)'

# ---- sources and objects -------------------------------------------------------------------------

# Kernels and cells are compiled once for each instruction set, apart from the tables that choose
# among them.
PER_ISA := $(sort $(filter-out %/table.c,$(wildcard src/kernels/*.c src/tiles/*.c)) \
             $(CELLS_IN:%=src/cells/%.c))
ONCE    := $(sort $(filter-out $(PER_ISA) $(CELLS:%=src/cells/%.c),$(wildcard src/*/*.c)))
OBJECTS := $(ONCE:src/%.c=$(DIR)/obj/%.o) \
           $(foreach isa,$(ISAS),$(PER_ISA:src/%.c=$(DIR)/obj/%.$(isa).o))

# Files with public functions are compiled twice: the shared library exports these, in the static
# one they are hidden, so that no program or plug-in exports them by accident.
PUBLIC := $(shell grep -l '^[a-z].*[ *]recur_[a-z][a-z0-9_]*$(OPEN)' $(ONCE))
HIDDEN := $(filter-out $(PUBLIC:src/%.c=$(DIR)/obj/%.o),$(OBJECTS)) \
          $(PUBLIC:src/%.c=$(DIR)/obj/%.hidden.o)

# mpi_train.c is built by `make mpi`.
EXAMPLES := $(patsubst examples/%.c,$(DIR)/examples/%,\
              $(filter-out examples/mpi_train.c,$(wildcard examples/*.c)))
BASICS   := $(patsubst examples/%.c,$(DIR)/examples/%,$(wildcard examples/basics/*.c))
PLUGIN   := $(DIR)/examples/plugin/pedal.so
COMMON   := $(patsubst examples/%.c,$(DIR)/examples/obj/%.o,$(wildcard examples/common/*.c))
COMMAND  := $(patsubst command/%.c,$(DIR)/command/%.o,$(wildcard command/*.c))

ALL_TESTS := $(sort $(patsubst tests/%.c,%,$(wildcard tests/test_*.c)))
SCRIPTS   := $(patsubst tests/%.sh,%,$(wildcard tests/*.sh)) check-layers check-abi
SUPPORT   := $(patsubst tests/%.c,$(DIR)/tests/obj/%.o,\
               $(wildcard tests/support/*.c tests/naive/*.c)) \
             $(foreach isa,$(ISAS),$(patsubst tests/%.c,$(DIR)/tests/obj/%.$(isa).o,\
               $(wildcard tests/per_isa/*.c)))
WANTED    := $(if $(TEST),$(TEST) test_$(TEST) check-$(TEST),%)
TESTS     := $(filter $(WANTED),$(ALL_TESTS) $(SCRIPTS))
PROGRAMS  := $(filter $(ALL_TESTS),$(TESTS))

# *_bench.c are other libraries' programs, which compare.py builds; scripts/twin.sh builds twin.c;
# blocks.c, pair.c, fading.c, walk.c and mpi_sum.c are built by hand, as their comments say.
BENCH_SOURCES := $(filter-out bench/%_bench.c \
                   $(addprefix bench/,twin.c blocks.c pair.c fading.c walk.c mpi_sum.c),\
                   $(wildcard bench/*.c))
BENCH_OBJECTS := $(BENCH_SOURCES:bench/%.c=$(DIR)/bench/obj/%.o)

# ---- building ------------------------------------------------------------------------------------

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.PHONY: all libs amalgamation deps test run-tests valgrind run-check demo run-demo bench
.PHONY: fuzz soak check-asan check-ubsan check-tsan check-msan check-valgrind
.PHONY: install install-mpi uninstall clean mpi
.PHONY: coverage check-cross check-windows check-wasm check-cortex-m web wheels
.PHONY: check-layers check-abi abi-golden house sizes docs format lint analyze help FORCE

all: libs $(DIR)/recur $(EXAMPLES) $(BASICS) $(PLUGIN) ## libraries, command, examples
libs: $(SHARED) $(LINKS) $(STATIC) ## the libraries alone

# Everything compiled depends on a file that changes with the flags, the libraries on one that
# changes with the list of objects.
export flags_TEXT := $(CC) $(BASE) $(LEFT_OUT) \
                     $(foreach isa,$(ISAS),$(isa): $(FLAGS_$(isa))) $(HAS) $(BLAS_CFLAGS) \
                     $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LIBRARY_LIBS) $(ZLIB)
export objects_TEXT := $(OBJECTS) $(RECUR_PREFIX)
$(DIR)/flags $(DIR)/objects: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$$(@F)_TEXT" | cmp -s - $@ || printf '%s\n' "$$$(@F)_TEXT" >$@

# A missing dependency is named once, before the compiler trips over it.
$(DIR)/have-%: $(DIR)/flags
	@ZLIB=$(ZLIB) scripts/deps.sh --check $*
	@touch $@

$(DIR)/obj/%.o: src/%.c $(DIR)/flags | $(DIR)/have-library
	@mkdir -p $(@D)
	@echo "  cc  $<"
	$(Q)$(CC) $(LIBRARY_FLAGS) $(HAS) $(DLL) $(COMPILE)

$(DIR)/obj/%.hidden.o: src/%.c $(DIR)/flags | $(DIR)/have-library
	@mkdir -p $(@D)
	@echo "  cc  $< (hidden)"
	$(Q)$(CC) $(LIBRARY_FLAGS) $(HAS) -DRECUR_STATIC $(COMPILE)

define per_isa
$(DIR)/obj/%.$(1).o: src/%.c $(DIR)/flags | $(DIR)/have-library
	@mkdir -p $$(@D)
	@echo "  cc  $$< ($(1))"
	$$(Q)$$(CC) $$(LIBRARY_FLAGS) $$(FLAGS_$(1)) $$(if $$(SANITIZE),-O1) -DRECUR__ISA=$(1) \
	    $(DLL) $$(COMPILE)

$(DIR)/tests/obj/per_isa/%.$(1).o: tests/per_isa/%.c $(DIR)/flags | $(DIR)/have-suite
	@mkdir -p $$(@D)
	@echo "  cc  $$< ($(1))"
	$$(Q)$$(CC) $$(TEST_FLAGS) $$(FLAGS_$(1)) $$(if $$(SANITIZE),-O1) -DRECUR__ISA=$(1) $$(COMPILE)
endef
$(foreach isa,$(ISAS),$(eval $(call per_isa,$(isa))))

# The tiles take longest, so they come first: no core shall wait for them at the end.
$(SHARED): $(filter $(DIR)/obj/tiles/%,$(OBJECTS)) $(OBJECTS) $(DIR)/objects lib/librecur.map
	@mkdir -p $(@D)
	@echo "  ld  $@"
	$(Q)$(CC) $(CHECKED) $(AS_SHARED) $(CFLAGS) $(LDFLAGS) -o $@ $(OBJECTS) $(LIBRARY_LIBS)

$(LINKS): $(SHARED)
	@ln -sf $(<F) $@

# q, not r: rooms may have files of the same name. With a prefix all names get it, private ones too.
$(STATIC): $(HIDDEN) $(DIR)/objects
	@mkdir -p $(@D)
	@echo "  ar  $@"
	@rm -f $@
	$(Q)$(AR) qcs $@ $(HIDDEN)
	$(Q)$(if $(RECUR_PREFIX),scripts/prefix.sh $@ $(RECUR_PREFIX))

# Examples see what a user sees: the public header and the shared library.
$(DIR)/examples/obj/%.o: examples/%.c $(DIR)/flags | $(DIR)/have-examples
	@mkdir -p $(@D)
	@echo "  cc  $<"
	$(Q)$(CC) $(EXAMPLE_FLAGS) $(COMPILE)

$(DIR)/examples/%: $(DIR)/examples/obj/%.o $(COMMON) $(SHARED) | $(LINKS)
	@echo "  ld  $@"
	$(Q)$(CC) $(CHECKED) $(CFLAGS) $(LDFLAGS) -o $@ $< $(COMMON) $(USE_SHARED) \
	    $(if $(filter none,$(ZLIB)),,-lz) -lm

# Lessons stand alone: they need nothing of examples/common.
$(DIR)/examples/basics/%: $(DIR)/examples/obj/basics/%.o $(SHARED) | $(LINKS)
	@mkdir -p $(@D)
	@echo "  ld  $@"
	$(Q)$(CC) $(CHECKED) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB)/librecur.so \
	    -Wl,-rpath,'$$ORIGIN/../$(TO_LIB)' -lm

# A plug-in has the static library in it, and exports one function.
$(DIR)/examples/plugin/%.so: $(DIR)/examples/obj/plugin/%.o $(STATIC)
	@mkdir -p $(@D)
	@echo "  ld  $@"
	$(Q)$(CC) -shared $(CHECKED) $(CFLAGS) $(LDFLAGS) -Wl,--gc-sections -Wl,--exclude-libs,ALL \
	    -o $@ $< $(STATIC) $(LIBRARY_LIBS)
$(DIR)/examples/obj/plugin/%.o: CPPFLAGS += -fPIC -fvisibility=hidden -DRECUR_STATIC

# So does the command recur. Here it finds the library where it was built; install links it anew.
$(DIR)/command/%.o: command/%.c $(DIR)/flags | $(DIR)/have-library
	@mkdir -p $(@D)
	@echo "  cc  $<"
	$(Q)$(CC) $(EXAMPLE_FLAGS) $(COMPILE)

LINK_COMMAND = $(CC) $(CHECKED) $(CFLAGS) $(LDFLAGS) -o $(1) $(COMMAND) $(LIB)/librecur.so -lm
$(DIR)/recur: $(COMMAND) $(SHARED) | $(LINKS)
	@echo "  ld  $@"
	$(Q)$(call LINK_COMMAND,$@) -Wl,-rpath,'$$ORIGIN/$(if $(SANITIZE),lib,../lib)'

# And the bench, which measures BLAS beside it, if there is one.
$(DIR)/bench/obj/%.o: bench/%.c $(DIR)/flags | $(DIR)/have-library
	@mkdir -p $(@D)
	@echo "  cc  $<"
	$(Q)$(CC) $(EXAMPLE_FLAGS) $(HAS) $(BLAS_CFLAGS) $(COMPILE)

$(DIR)/bench/recur-bench: $(BENCH_OBJECTS) $(SHARED) | $(LINKS)
	@echo "  ld  $@"
	$(Q)$(CC) $(CHECKED) $(CFLAGS) $(LDFLAGS) -o $@ $(BENCH_OBJECTS) $(USE_SHARED) $(BLAS_LIBS) -lm

# Tests see everything: private headers, and the static library.
$(DIR)/tests/obj/%.o: tests/%.c $(DIR)/flags | $(DIR)/have-suite
	@mkdir -p $(@D)
	@echo "  cc  $<"
	$(Q)$(CC) $(TEST_FLAGS) $(COMPILE)

$(DIR)/tests/libsupport.a: $(SUPPORT)
	@rm -f $@
	$(Q)$(AR) qcs $@ $(SUPPORT)

$(DIR)/tests/test_%: $(DIR)/tests/obj/test_%.o $(if $(SUPPORT),$(DIR)/tests/libsupport.a) $(STATIC)
	@echo "  ld  $@"
	$(Q)$(CC) $(CHECKED) $(CFLAGS) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) -lcmocka $(LIBRARY_LIBS) \
	    $(if $(DLL),-lpthread)
	$(if $(DLL),@mv $@.exe $@)

$(DIR)/tests/test_pedal: | $(PLUGIN)

.SECONDARY:
-include $(shell find $(DIR) -name '*.d' 2>/dev/null)

# ---- over MPI ------------------------------------------------------------------------------------

# librecur_mpi sees what a user sees, and MPI. MPICC wraps the compiler that CC names.
MPICC      ?= mpicc
MPI_SHARED := $(LIB)/librecur_mpi.so.$(VERSION)
MPI_LINKS  := $(LIB)/librecur_mpi.so.0 $(LIB)/librecur_mpi.so
MPI_CC      = OMPI_CC='$(CC)' $(MPICC)

mpi: $(MPI_SHARED) $(MPI_LINKS) $(DIR)/examples/mpi_train ## librecur_mpi, and examples/mpi_train

$(DIR)/have-mpi:
	@command -v $(MPICC) >/dev/null 2>&1 || { echo "make mpi needs Open MPI: apt-get install" \
	    "libopenmpi-dev openmpi-bin, or name another compiler wrapper, MPICC=..." >&2; exit 1; }
	@mkdir -p $(@D)
	@touch $@

$(MPI_SHARED): mpi/recur_mpi.c mpi/recur_mpi.h $(SHARED) $(DIR)/flags | $(LINKS) $(DIR)/have-mpi
	@echo "  ld  $@"
	$(Q)$(MPI_CC) $(EXAMPLE_FLAGS) -fPIC -fvisibility=hidden $(CPPFLAGS) $(CFLAGS) -shared \
	    -Wl,-soname,librecur_mpi.so.0 -Wl,-rpath,'$$ORIGIN' $(LDFLAGS) -o $@ $< $(LINKED) -lm

$(MPI_LINKS): $(MPI_SHARED)
	@ln -sf $(<F) $@

$(DIR)/examples/mpi_train: examples/mpi_train.c $(COMMON) $(MPI_SHARED) | $(MPI_LINKS)
	@echo "  ld  $@"
	$(Q)$(MPI_CC) $(EXAMPLE_FLAGS) -Impi $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(COMMON) \
	    $(LIB)/librecur_mpi.so $(USE_SHARED) -lz -lm

amalgamation: ## the library as one file: build/amalgamation/recur.c and recur.h
	@scripts/amalgamate.py build/amalgamation
	@echo "build/amalgamation/recur.c and recur.h"

# ---- checking ------------------------------------------------------------------------------------

deps: ## install what building and testing need, if anything is missing
	@scripts/deps.sh tests

# The second make starts after the dependencies are there, a compiler among them.
test: ## build and run all tests; TEST=name runs one
	@scripts/deps.sh tests
	@$(MAKE) --no-print-directory run-tests

run-tests: $(addprefix $(DIR)/tests/,$(PROGRAMS)) $(if $(filter $(SCRIPTS),$(TESTS)),all)
	$(if $(TESTS),,$(error there is no test called $(TEST)))
	@scripts/test.sh $(TESTS)

# The C tests under checkers of memory, threads and undefined behaviour: gcc and clang, one after
# the other, each in a build of its own; COMPILERS=gcc takes one, TEST=name one test. Valgrind runs
# the ordinary build, knows no AVX-512, and with one thread BLAS leaves none of its own behind.
CHECKERS := check-asan check-ubsan check-tsan check-msan
$(CHECKERS): ## all C tests under one of clang's and gcc's sanitizers
	@scripts/sanitize.sh $(@:check-%=%)

# Valgrind takes a minute for each of those left out, or cannot run them (test_realtime is killed by
# seccomp, test_stack has stacks of its own); the sanitizers run them too.
SLOW_TESTS     := test_gradients test_threads test_loss test_naive test_random test_same_bits \
                  test_realtime test_stack
VALGRIND_TESTS ?= $(filter-out $(SLOW_TESTS),$(ALL_TESTS))
check-valgrind valgrind: ## the tests named in VALGRIND_TESTS under valgrind
	@scripts/deps.sh valgrind
	@scripts/sanitize.sh valgrind

CHECKED_TESTS := $(filter $(WANTED),\
                   $(if $(filter valgrind,$(CHECK)),$(VALGRIND_TESTS),$(ALL_TESTS)))
run-check: $(addprefix $(DIR)/tests/,$(CHECKED_TESTS))
	@scripts/test.sh $(CHECKED_TESTS)

coverage: ## lines and branches of src/ that the C tests run through
	@scripts/deps.sh tests
	@scripts/coverage.sh

# Other machines and systems; docs/platforms.md has what came out. What a target needs and does not
# find it installs with apt-get, or says what it is.
check-cross: ## the C tests on another machine: ARCH=i386, aarch64, armhf, riscv64, s390x, musl
	@scripts/cross.sh $(or $(ARCH),i386 aarch64 armhf riscv64 s390x musl)
check-windows: ## the C tests on Windows: MinGW-w64 and wine
	@scripts/cross.sh windows
check-wasm: ## the C tests as WebAssembly: emscripten and node
	@scripts/cross.sh wasm

wheels: ## Python wheels and the source package in build/wheels/, tried in the Pythons here
	@scripts/wheels.sh
web: ## build/web/: a page in which a network learns; it takes emscripten
	@scripts/web.sh

FUZZ    ?=
SECONDS ?= 60
fuzz: ## tests/fuzz under clang's libFuzzer: FUZZ=json SECONDS=60; without FUZZ a list
	@scripts/fuzz.sh "$(FUZZ)" $(SECONDS)

soak: $(DIR)/tests/test_soak ## the same work for SECONDS=3600: memory to the page, and speed
	@SOAK_SECONDS=$(SECONDS) $<

check-layers: ## who includes whom, and what may be called where
	@scripts/check-layers.sh

check-abi: libs ## headers, map, exported symbols and golden layout agree
	@scripts/check-abi.sh

abi-golden: ## rewrite the golden layout from the headers
	@scripts/check-abi.sh --golden

check-cortex-m: libs $(DIR)/examples/keyword ## models as C on emulated Cortex-M processors
	@BUILD=$(DIR) CC="$(CC)" scripts/cortex-m.sh $(if $(TABLE),--table)

house: libs ## count lines, tokens, functions, wiring and circles of src/
	@python3 scripts/house.py

# ---- showing -------------------------------------------------------------------------------------

# A machine on which nothing was built yet builds no more than what runs here: the instruction
# set that the compiler finds in its processor, and the reference; three programs, and no BLAS.
OWN_SET = $(shell scripts/own_set.sh $(ISAS))
DEMO_IN = $(if $(wildcard $(SHARED)),,DIR=build/demo LIB=build/demo/lib TO_LIB=../lib BLAS=none \
            ISAS="$(OWN_SET)") \
          $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc 2>/dev/null || echo 1))
demo: ## train the example networks; MNIST=DIR takes the real digits
	@scripts/deps.sh compiler
	@$(MAKE) --no-print-directory $(DEMO_IN) run-demo

run-demo: $(addprefix $(DIR)/examples/,temporal_order hello mnist)
	@MNIST="$(MNIST)" scripts/demo.sh

# ---- measuring -----------------------------------------------------------------------------------

sizes: ## how large programs with the library are, with less and less in it
	@scripts/sizes.sh

# bench/compare.py sets the numbers beside those of other libraries.
bench: $(DIR)/bench/recur-bench ## how fast it is here; BENCH="w3-lstm --seconds 2"
	@$< $(BENCH)

# ---- installing ----------------------------------------------------------------------------------

HEADERS    := $(patsubst include/%,%,$(wildcard $(foreach in,include include/recur,\
                $(in)/*.h $(in)/*.hpp)))
INCLUDE_TO := $(DESTDIR)$(PREFIX)/include
LIB_TO     := $(DESTDIR)$(LIBDIR)
BIN_TO     := $(DESTDIR)$(BINDIR)
MAN_TO     := $(DESTDIR)$(MANDIR)

# The installed command finds the library from where it is itself, so both can be moved together;
# below /usr the system finds it.
FROM_BIN := $(if $(filter $(PREFIX)/bin,$(BINDIR)),$(filter $(PREFIX)/%,$(LIBDIR)))
RUN_PATH := $(if $(FROM_BIN),$$ORIGIN/../$(FROM_BIN:$(PREFIX)/%=%),$(LIBDIR))
RUN_PATH := $(if $(filter-out /usr,$(PREFIX)),-Wl$(comma)-rpath$(comma)'$(RUN_PATH)')

# Files whose text depends on where they go. They are made anew each time: PREFIX is no file that
# could be newer.
TEMPLATES := pkgconfig/recur.pc \
             $(addprefix cmake/recur/,recur-config.cmake recur-config-version.cmake)
EMPTY     :=
FILL_IN    = sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
             -e 's|@PC_LIBDIR@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
             -e 's|@VERSION@|$(VERSION)|' -e 's|@SONAME@|$(SONAME)|' \
             -e 's|@BLAS_LIBS@|$(BLAS_LIBS)|' \
             -e 's|@STATIC_DEFINITIONS@|RECUR_STATIC$(RECUR_PREFIX:%=;RECUR_PREFIX=%)|' \
             -e 's|@LIBRARY_LIBS@|$(subst $(EMPTY) ,;,$(strip $(LIBRARY_LIBS)))|'

install: libs $(COMMAND) ## headers, libraries, recur, recur.pc, a CMake package, two man pages
	@mkdir -p $(INCLUDE_TO)/recur $(LIB_TO)/pkgconfig $(LIB_TO)/cmake/recur
	@mkdir -p $(BIN_TO) $(MAN_TO)/man1 $(MAN_TO)/man3
	@for header in $(HEADERS); do \
	    install -m 644 include/$$header $(INCLUDE_TO)/$$header || exit 1; \
	done
	@install -m 755 $(SHARED) $(LIB_TO)/
	@$(if $(DEBUG),,$(STRIP) --strip-unneeded $(LIB_TO)/$(notdir $(SHARED)))
	@for link in $(notdir $(LINKS)); do ln -sf $(notdir $(SHARED)) $(LIB_TO)/$$link || exit 1; done
	@install -m 644 $(STATIC) $(LIB_TO)/
	@$(if $(DEBUG),,$(STRIP) --strip-debug $(LIB_TO)/$(notdir $(STATIC)))
	@for file in $(TEMPLATES); do \
	    template=$$(echo $$file | sed 's|cmake/recur/|cmake/|').in; \
	    $(FILL_IN) $$template >$(LIB_TO)/$$file && chmod 644 $(LIB_TO)/$$file || exit 1; \
	done
	@$(call LINK_COMMAND,$(BIN_TO)/recur) $(RUN_PATH)
	@chmod 755 $(BIN_TO)/recur
	@$(if $(DEBUG),,$(STRIP) $(BIN_TO)/recur)
	@for section in 1 3; do \
	    page=$(MAN_TO)/man$$section/recur.$$section; \
	    $(FILL_IN) docs/recur.$$section.in >$$page && chmod 644 $$page || exit 1; \
	done
	@echo "librecur $(VERSION) is in $(LIB_TO), its headers in $(INCLUDE_TO)"

install-mpi: mpi ## librecur_mpi, its header and recur-mpi.pc, beside what install puts there
	@mkdir -p $(INCLUDE_TO) $(LIB_TO)/pkgconfig
	@install -m 644 mpi/recur_mpi.h $(INCLUDE_TO)/recur_mpi.h
	@install -m 755 $(MPI_SHARED) $(LIB_TO)/
	@for link in $(notdir $(MPI_LINKS)); do \
	    ln -sf $(notdir $(MPI_SHARED)) $(LIB_TO)/$$link || exit 1; \
	done
	@$(FILL_IN) pkgconfig/recur-mpi.pc.in >$(LIB_TO)/pkgconfig/recur-mpi.pc
	@chmod 644 $(LIB_TO)/pkgconfig/recur-mpi.pc

uninstall: ## remove what install put there
	@rm -f $(addprefix $(INCLUDE_TO)/,$(HEADERS)) $(BIN_TO)/recur
	@rm -f $(MAN_TO)/man1/recur.1 $(MAN_TO)/man3/recur.3
	@rm -f $(addprefix $(LIB_TO)/,$(TEMPLATES) $(notdir $(SHARED) $(LINKS) $(STATIC)))
	@rm -f $(addprefix $(LIB_TO)/,pkgconfig/recur-mpi.pc $(notdir $(MPI_SHARED) $(MPI_LINKS)))
	@rm -f $(INCLUDE_TO)/recur_mpi.h
	@rmdir $(INCLUDE_TO)/recur $(LIB_TO)/cmake/recur 2>/dev/null || true
	@echo "librecur $(VERSION) is removed from $(LIB_TO) and $(INCLUDE_TO)"

# ---- documenting ---------------------------------------------------------------------------------

# First the headers of C alone, whose every name has a comment; then all, where those of C++ say
# what differs from C.
docs: ## the reference and the pages of docs/ as HTML in build/docs (doxygen)
	@command -v doxygen >/dev/null 2>&1 || \
	    { echo "make docs needs doxygen (apt-get install doxygen)" >&2; exit 1; }
	@mkdir -p build/docs
	@{ cat Doxyfile; echo 'INPUT = include'; echo 'FILE_PATTERNS = *.h'; \
	   echo 'EXTRACT_ALL = NO'; echo 'GENERATE_HTML = NO'; echo 'USE_MDFILE_AS_MAINPAGE ='; \
	   echo 'GENERATE_TAGFILE = build/docs/recur.tag'; } | VERSION=$(VERSION) doxygen -
	@VERSION=$(VERSION) doxygen Doxyfile
	@echo "build/docs/html/index.html"

# ---- tidying -------------------------------------------------------------------------------------

clean: ## remove everything that was built
	@rm -rf build lib/*.so lib/*.so.* lib/*.a

FOLDERS := include include/recur src/* tests tests/* examples examples/* command bench mpi \
           scripts
SOURCES := $(wildcard $(addsuffix /*.[ch],$(FOLDERS)))
format: ## lay out the C sources (clang-format)
	clang-format -i $(SOURCES)

lint: ## hold the sources to the rules of form: layout, columns, one statement a line
	@scripts/lint.sh
	@scripts/types.sh

analyze: ## look for mistakes that compile (clang's analyzer)
	@for file in $(ONCE) $(PER_ISA); do \
	    clang --analyze --analyzer-output text $(LIBRARY_FLAGS) $(HAS) -DRECUR__ISA=ref $$file || \
	        exit 1; \
	done

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile
	@echo
	@awk '/^# Yours to set/ { print "Variables, written as make NAME=value:"; on = 1; next } \
	    on && /^#   / { sub(/^#   /, "  "); print; next } \
	    { on = 0 }' Makefile
