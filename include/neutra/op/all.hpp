/// Every op.
#pragma once

// IWYU pragma: begin_exports
#include "neutra/op/activation.hpp"
#include "neutra/op/add.hpp"
#include "neutra/op/attention.hpp"
#include "neutra/op/causal_mean.hpp"
#include "neutra/op/columns.hpp"
#include "neutra/op/cross_entropy.hpp"
#include "neutra/op/embedding.hpp"
#include "neutra/op/gated.hpp"
#include "neutra/op/kl_divergence.hpp"
#include "neutra/op/layer_norm.hpp"
#include "neutra/op/linear.hpp"
#include "neutra/op/magnitude.hpp"
#include "neutra/op/penalty.hpp"
#include "neutra/op/pointwise.hpp"
#include "neutra/op/pointwise_trained.hpp"
#include "neutra/op/rms_norm.hpp"
#include "neutra/op/rope.hpp"
#include "neutra/op/scale_columns.hpp"
#include "neutra/op/scale_rows.hpp"
#include "neutra/op/softmax.hpp"
#include "neutra/op/sparse_rows.hpp"
#include "neutra/op/sum.hpp"
#include "neutra/op/top_softmax.hpp"
// IWYU pragma: end_exports
