// extend as bits.cpp runs it: for AVX2 in every build, because the last bits of a result depend on the instruction set.
#include "neutra/program/extend.hpp"

#if !defined(__AVX2__) || defined(__AVX512F__)
#error "neutra: bits_extend.cpp must be compiled for AVX2, and for nothing beyond it"
#endif

int main(int argc, char** argv) { return neutra::program::extend_main(argc, argv); }
