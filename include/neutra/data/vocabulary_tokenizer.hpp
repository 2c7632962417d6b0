/// The part of a tokenizer that its vocabulary determines: everything but encoding.
#pragma once

#include "neutra/data/tokenizer.hpp"
#include "neutra/data/vocabulary.hpp"
#include "neutra/data/word_cache.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// A tokenizer of a vocabulary, but for encoding.
template <class Model> class VocabularyTokenizer : public Tokenizer {
 public:
  Index vocab() const override { return static_cast<Index>(model_.pieces.size()); }
  std::int32_t bos() const override { return model_.bos; }
  std::int32_t eos() const override { return model_.eos; }
  bool knows(std::int32_t id) const override {
    return Tokenizer::knows(id) && !model_.pieces[static_cast<std::size_t>(id)].empty();
  }

  std::unique_ptr<Encoder> encoder() const override { return std::make_unique<Encoding>(*this); }

  std::string decode(std::span<const std::int32_t> ids) const override {
    std::string text;
    bool starts = model_.space != SpaceInFront::never;  // whether the next token begins with the space put in front
    for (std::size_t k = 0; k < ids.size(); ++k) {
      check_id(ids[k], static_cast<Index>(k));
      std::string_view shown = surfaces_[static_cast<std::size_t>(ids[k])];
      const auto token = model_.added.find(ids[k]);
      const bool cuts = token != model_.added.end() && !model_.prepends_to(token->second);
      if (starts && !cuts && shown.starts_with(' ')) shown.remove_prefix(1);
      if (!cuts) starts = false;
      if (cuts && !shown.empty()) starts = model_.space == SpaceInFront::every_part;
      text += shown;
    }
    return text;
  }

  std::string piece(std::int32_t id) const override {
    check_id(id, 0);
    return model_.pieces[static_cast<std::size_t>(id)];
  }

  std::string_view serialized() const override { return serialized_; }
  std::string_view file_name() const override { return "tokenizer.json"; }

 protected:
  /// serialized: the content of the file that the model was read from.
  VocabularyTokenizer(Model model, std::string serialized)
      : model_(std::move(model)), serialized_(std::move(serialized)) {
    surfaces_.reserve(model_.pieces.size());
    for (const std::string& piece : model_.pieces)
      surfaces_.push_back(model_.byte_level ? detail::byte_level_surface(piece) : detail::spaced_surface(piece));
    for (const auto& [id, token] : model_.added) {
      std::string& surface = surfaces_[static_cast<std::size_t>(id)];
      surface = id == model_.unknown || !token.special ? token.content : std::string();
      if (model_.prepends_to(token)) surface.insert(0, 1, ' ');
    }
    surfaces_[static_cast<std::size_t>(model_.bos)].clear();
  }

  /// What encoding a text keeps: words that were encoded before, and tokens that were not passed on yet.
  struct Encoding final : Encoder {
    explicit Encoding(const VocabularyTokenizer& made_for) : tokenizer(made_for) {}

    void encode(std::string_view text, bool begins, const Take& take_next) override {
      take = &take_next;
      tokenizer.append(text, begins, *this);
      pass_on(1);
    }
    void pass_on(std::size_t least = Encoder::at_a_time) {
      if (ids.size() < least) return;
      (*take)(ids);
      ids.clear();
    }

    const VocabularyTokenizer& tokenizer;
    const Take* take = nullptr;
    std::vector<std::int32_t> ids;
    WordCache words;
    std::size_t* lost = nullptr;  // where to count what lost_bytes() returns; words are then not kept
  };

  /// Appends the ids of a text to those of `encoding`.      begins: see Encoder::encode
  virtual void append(std::string_view text, bool begins, Encoding& encoding) const = 0;

  /// Appends the ids of added tokens in a text, and calls words(part, in_front) for the normalised parts between them.
  /// in_front: whether the model puts a space in front of the part
  /// normalized(part, in_front): a part of the text after normalisation; nothing if that changes no text
  template <class Normalized, class Words>
  void encode_parts(std::string_view text, bool begins, std::vector<std::int32_t>& ids, const Normalized& normalized,
                    const Words& words) const {
    const auto token = [&](std::int32_t id) { ids.push_back(id); };
    const auto in_front = [&](bool first) {
      return first ? begins && model_.space != SpaceInFront::never : model_.space == SpaceInFront::every_part;
    };
    model_.added_raw.split(
        text,
        [&](std::string_view part) {
          const bool first = part.data() == text.data();
          const std::optional<std::string> changed = normalized(part, in_front(first));
          const std::string_view normal = changed ? std::string_view(*changed) : part;
          model_.added_normalized.split(
              normal,
              [&](std::string_view between) { words(between, in_front(first && between.data() == normal.data())); },
              token);
        },
        token);
  }

  void append_bytes(std::string_view bytes, std::vector<std::int32_t>& ids) const {
    for (const char byte : bytes) ids.push_back(model_.byte_ids[static_cast<unsigned char>(byte)]);
  }

  const Model model_;

 private:
  std::string serialized_;
  std::vector<std::string> surfaces_;
};

}}}  // namespace neutra::NEUTRA_ABI::data
