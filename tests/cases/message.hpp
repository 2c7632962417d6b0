// The message of the Error that a call throws; empty if it throws none.
#pragma once

#include "neutra/core/error.hpp"

#include <string>

template <class F> std::string message(F&& f) {
  try {
    f();
  } catch (const neutra::Error& error) {
    return error.what();
  }
  return {};
}
