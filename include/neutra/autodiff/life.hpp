/// Lifetime tokens: whether an object behind a pointer still exists.
#pragma once

#include "neutra/core/config.hpp"

#include <memory>

namespace neutra { inline namespace NEUTRA_ABI {

/// A member of objects that tapes and optimizers point to. The holder of a pointer also stores the token, which reads
/// false once the object has been destroyed, moved from or assigned to.
class Life {
 public:
  using Token = std::shared_ptr<const bool>;

  Life() = default;
  Life(const Life&) {}
  Life(Life&& from) { *from.alive_ = false; }
  Life& operator=(const Life&) { return *this; }
  Life& operator=(Life&& from) {
    *from.alive_ = false;
    *alive_ = false;
    alive_ = std::make_shared<bool>(true);
    return *this;
  }
  ~Life() { *alive_ = false; }

  Token token() const { return alive_; }

 private:
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}}  // namespace neutra::NEUTRA_ABI
