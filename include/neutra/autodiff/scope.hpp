/// The life of values within a step.
#pragma once

#include "neutra/autodiff/values.hpp"
#include "neutra/autodiff/var.hpp"

namespace neutra { inline namespace NEUTRA_ABI {

/// While it lives, values made on the tape belong to it; at its end those that no backward reads are released. A block
/// of a model is one scope.
template <Scalar S, Backend D> class Scope {
 public:
  /// `taken`: a value from outside that is the scope's to release, such as the residual stream that enters a block.
  explicit Scope(Tape<S, D>& tape, Var<S, D> taken = {}) : tape_(tape), begin_(tape.position()), taken_(taken) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// The value that outlives the scope.
  Var<S, D> keep(Var<S, D> x) { return kept_ = x; }
  ~Scope() { tape_.end_scope(begin_, taken_, kept_); }

 private:
  Tape<S, D>& tape_;
  Position begin_;
  Var<S, D> taken_, kept_;
};

}}  // namespace neutra::NEUTRA_ABI
