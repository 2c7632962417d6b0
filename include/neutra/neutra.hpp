/// The core for a prototype: tensors, tape, ops, policies, adapters, the transformer and its optimizer. Needs xsimd and
/// OpenMP.
#pragma once

// Included first: compilers print the include path of a failed static_assert, and a short path is easier to read.
#include "neutra/autodiff/var.hpp"
#include "neutra/core/strict.hpp"

// IWYU pragma: begin_exports
#include "neutra/adapter/any.hpp"
#include "neutra/adapter/list.hpp"
#include "neutra/adapter/lora.hpp"
#include "neutra/adapter/none.hpp"
#include "neutra/adapter/residue.hpp"
#include "neutra/backend/cpu/cpu.hpp"
#include "neutra/body/all.hpp"
#include "neutra/gate/all.hpp"
#include "neutra/init/all.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/op/all.hpp"
#include "neutra/optim/adamw.hpp"
#include "neutra/optim/schedule.hpp"
#include "neutra/penalty/all.hpp"
// IWYU pragma: end_exports
