// expect: neutra: neutra::compiled was built for another instruction set than this file
#ifdef NEUTRA_REJECT
#define NEUTRA_COMPILED pdp11
#endif
#include "neutra/backend/cpu/cpu.hpp"
