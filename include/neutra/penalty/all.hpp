/// The penalties of the library.
#pragma once

#include "neutra/core/types.hpp"
// IWYU pragma: begin_exports
#include "neutra/penalty/domain_cross_entropy.hpp"
#include "neutra/penalty/gate_l1.hpp"
#include "neutra/penalty/group_lasso.hpp"
#include "neutra/penalty/hoyer.hpp"
#include "neutra/penalty/l1.hpp"
#include "neutra/penalty/l2.hpp"
#include "neutra/penalty/relative.hpp"
#include "neutra/penalty/sum.hpp"
// IWYU pragma: end_exports

namespace neutra { inline namespace NEUTRA_ABI { namespace penalty {

using All = Types<None, L1, L2, GroupLasso, GateL1, Hoyer, Relative, DomainCrossEntropy, Sum<L1, DomainCrossEntropy>>;

}}}  // namespace neutra::NEUTRA_ABI::penalty
