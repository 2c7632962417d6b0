// The implementation of the programs, whatever policies they know.
#include "neutra/program/run_evaluate.hpp"
#include "neutra/program/run_extend.hpp"
#include "neutra/program/run_generate.hpp"
