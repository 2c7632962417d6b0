/// Scopes: when values are released within a step.
#pragma once

#include "neutra/autodiff/values.hpp"
#include "neutra/autodiff/var.hpp"

namespace neutra { inline namespace NEUTRA_ABI {

/// Values made while the scope is open belong to it; at its end, values not saved for backward are released. A model
/// block is one scope.
template <Scalar S, Backend D> class Scope {
 public:
  /// `taken`: an earlier value that is also released at the end of the scope, such as the residual stream.
  explicit Scope(Tape<S, D>& tape, Var<S, D> taken = {}) : tape_(tape), begin_(tape.position()), taken_(taken) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// Excepts the returned value from release.
  Var<S, D> keep(Var<S, D> x) { return kept_ = x; }
  ~Scope() { tape_.end_scope(begin_, taken_, kept_); }

 private:
  Tape<S, D>& tape_;
  Position begin_;
  Var<S, D> taken_, kept_;
};

}}  // namespace neutra::NEUTRA_ABI
