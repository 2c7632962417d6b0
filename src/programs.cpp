// The implementation of the programs, independent of the registered policies.
#include "neutra/program/run_choices.hpp"
#include "neutra/program/run_evaluate.hpp"
#include "neutra/program/run_extend.hpp"
#include "neutra/program/run_generate.hpp"
#include "neutra/program/run_inspect.hpp"
#include "neutra/program/run_merge.hpp"
#include "neutra/program/run_study.hpp"
