// The message of the Error that a call throws.
#pragma once

#include "neutra/core/error.hpp"

template <class F> std::string message(F f) {
  try {
    f();
  } catch (const neutra::Error& error) {
    return error.what();
  }
  return "no Error";
}
