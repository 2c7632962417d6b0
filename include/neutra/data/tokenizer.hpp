/// What every tokenizer offers; programs choose one at run time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A token that was added to a tokenizer after its training, as chat models mark turns: its text, and whether it is a
/// control token that is not shown.
struct AddedToken {
  std::string content;
  bool special = false;
};
using AddedTokens = std::map<std::int32_t, AddedToken>;  // by id

/// Text to token ids and back, without loss: decode(encode(x)) == x for every byte string x, valid UTF-8 or not.
/// Safe to use from several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids are 0 .. vocab() - 1, and those of added tokens, which may lie beyond.
  virtual Index vocab() const = 0;
  /// Whether decode takes the id. A model may have rows for more: padding of its vocabulary.
  virtual bool knows(std::int32_t id) const { return id >= 0 && id < vocab(); }
  /// The id that stands before the first token of a window; encode never yields it.
  virtual std::int32_t bos() const = 0;
  /// Token ids of the text, bos not added.
  virtual std::vector<std::int32_t> encode(std::string_view text) const = 0;
  /// Bytes of the tokens; bos and other control tokens have none. Error: an id that is not known, with its position.
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
  /// One token as it is shown to people. Error: an id that is not known.
  virtual std::string piece(std::int32_t id) const = 0;
  /// What a tokenizer.model file holds; empty for a tokenizer that has none.
  virtual std::string_view serialized() const = 0;

 protected:
  void check_id(std::int32_t id, Index position) const {
    require(knows(id), "tokenizer: token ids must lie in 0 .. ", vocab() - 1, ", got ", id, " at position ", position,
            "; use the tokenizer these ids were made with");
  }
};

}}}  // namespace neutra::NEUTRA_ABI::data
