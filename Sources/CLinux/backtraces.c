#include <stddef.h>

// Where the Swift runtime's companion is that shows backtraces of a crash: nowhere, it belongs to the toolchain. The
// runtime's own (stdlib/public/runtime/Paths.cpp) looks for it in eight places at each start of a static program; the
// linker leaves that out where it finds this.
__attribute__((visibility("hidden"))) char *swift_copyAuxiliaryExecutablePath(const char *name) {
    (void)name;
    return NULL;
}
