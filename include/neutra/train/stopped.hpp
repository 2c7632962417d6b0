/// What ends work before its end: that it was asked to stop, and errors with the name of the run.
#pragma once

#include "neutra/core/error.hpp"

#include <string>

namespace neutra::inline NEUTRA_ABI::train {

/// Thrown when work was asked to stop and has ended at a whole step; what was done is saved where there is a place to save it.
class Stopped : public Error {
 public:
  using Error::Error;
};

/// What f gives; its errors begin with the name of the run that they are of.
template <class F> decltype(auto) named(const std::string& run, F&& f) {
  try {
    return f();
  } catch (const Stopped&) {
    throw;
  } catch (const Error& error) {
    throw Error(concat(run, ": ", error.what()));
  }
}

}  // namespace neutra::inline NEUTRA_ABI::train
