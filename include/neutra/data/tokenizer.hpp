/// The interface of tokenizers; programs choose one at run time.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/scalar.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A token added to a tokenizer after its training, as chat models do for turns: its text, whether it is a control
/// token, which decodes to nothing, and how its text is found.      tokenizers, AddedToken
struct AddedToken {
  std::string content{};
  bool special = false;
  bool normalized = false;                         // found after normalisation, its text normalised too
  bool single_word = false;                        // not found beside a word character
  bool strips_left = false, strips_right = false;  // takes the white space on that side
};
using AddedTokens = std::map<std::int32_t, AddedToken>;  // by id

/// Encodes texts one after the other, with one cache of words for all of them.
class Encoder {
 public:
  /// Receives the next tokens. They are valid during the call.
  using Take = std::function<void(std::span<const std::int32_t>)>;

  virtual ~Encoder() = default;
  /// Gives `take` the token ids of a text in order, without bos, some thousands at a time.
  /// begins: whether the text begins here. The rest of one whose first part was encoded by itself gets no space in
  /// front, which some models put in front of a text.
  virtual void encode(std::string_view text, bool begins, const Take& take) = 0;

 protected:
  static constexpr std::size_t at_a_time = 4096;  // tokens: many for each call of `take`, few to hold
};

/// Text to token ids and back, without loss: decode(encode(x)) == x for every byte string x, valid UTF-8 or not. A
/// tokenizer whose file asks for a change of the text, such as a normalisation form, gives back the changed text; one
/// that has no tokens for some characters loses them (UnigramTokenizer).
/// Safe to use from several threads at once.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids are 0 .. vocab() - 1, plus those of added tokens, which may lie beyond.
  virtual Index vocab() const = 0;
  /// Whether decode accepts the id. A model's embedding may have more rows than there are tokens, as padding.
  virtual bool knows(std::int32_t id) const { return id >= 0 && id < vocab(); }
  /// The id in front of the first token of a window; encode never returns it.
  virtual std::int32_t bos() const = 0;
  /// The id that ends a text; -1 if its file names none. A model's config.json takes precedence.
  virtual std::int32_t eos() const { return -1; }
  /// The tokenizer must outlive it.
  virtual std::unique_ptr<Encoder> encoder() const = 0;
  /// The token ids of the text, without bos.
  std::vector<std::int32_t> encode(std::string_view text) const {
    std::vector<std::int32_t> ids;
    ids.reserve(text.size() / 3 + 1);
    encoder()->encode(text, true,
                      [&](std::span<const std::int32_t> next) { ids.insert(ids.end(), next.begin(), next.end()); });
    return ids;
  }
  /// The bytes of a text whose characters have no tokens, so that decode() cannot give them back; 0 for all tokenizers
  /// but those without a token for each byte.
  virtual std::size_t lost_bytes(std::string_view /*text*/) const { return 0; }
  /// The bytes of the tokens; bos and other control tokens decode to nothing. Error: an unknown id, with its position.
  virtual std::string decode(std::span<const std::int32_t> ids) const = 0;
  /// One token in readable form. Error: an unknown id.
  virtual std::string piece(std::int32_t id) const = 0;
  /// The content of its file; empty for a tokenizer without one.
  virtual std::string_view serialized() const = 0;
  /// The name of its file in a model's folder.
  virtual std::string_view file_name() const { return "tokenizer.model"; }

 protected:
  void check_id(std::int32_t id, Index position) const {
    require(knows(id), "tokenizer: token ids must lie in 0 .. ", vocab() - 1, ", got ", id, " at position ", position,
            "; use the tokenizer these ids were made with");
  }
};

}}}  // namespace neutra::NEUTRA_ABI::data
