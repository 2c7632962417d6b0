/// Writes the tokenizers of this library as tokenizer.json, so that transformers gives the same ids.
#pragma once

#include "neutra/data/bpe_model.hpp"
#include "neutra/data/sentencepiece_model.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/data/words.hpp"
#include "neutra/io/json.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

namespace detail {

inline io::Json special_token(const std::string& content, std::size_t id) {
  return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
          {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// A tokenizer.json but for its steps. The text begins with bos.
inline io::Json tokenizer_frame(io::Json model, io::Json added, const std::string& bos, Index id) {
  const io::Json front = {{"SpecialToken", {{"id", bos}, {"type_id", 0}}}},
                 first = {{"Sequence", {{"id", "A"}, {"type_id", 0}}}},
                 second = {{"Sequence", {{"id", "B"}, {"type_id", 1}}}};
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", std::move(added)},
          {"normalizer", nullptr},
          {"pre_tokenizer", nullptr},
          {"post_processor",
           {{"type", "TemplateProcessing"},
            {"single", {front, first}},
            {"pair", {front, first, second}},
            {"special_tokens", {{bos, {{"id", bos}, {"ids", {id}}, {"tokens", {bos}}}}}}}},
          {"decoder", nullptr},
          {"model", std::move(model)}};
}

/// The model of a tokenizer.json of kind BPE.
inline io::Json bpe_of(io::Json vocabulary, io::Json merges, bool byte_fallback) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", byte_fallback},
          {"ignore_merges", false},
          {"vocab", std::move(vocabulary)},
          {"merges", std::move(merges)}};
}

/// A ByteLevel step. words: it cuts text into the words of GPT-2
inline io::Json byte_level_step(bool words) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", words}};
}

/// A tokenizer.json of a byte-level model. first: the step before the bytes are spelled; null: the words of GPT-2
inline io::Json byte_level_frame(io::Json vocabulary, io::Json merges, io::Json added, const std::string& bos, Index id,
                                 const io::Json& first) {
  io::Json file = tokenizer_frame(bpe_of(std::move(vocabulary), std::move(merges), false), std::move(added), bos, id);
  file["decoder"] = byte_level_step(false);
  file["pre_tokenizer"] = byte_level_step(first.is_null() || first["type"] != "Split");
  if (!first.is_null())
    file["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", io::Json::array({first, file["pre_tokenizer"]})}};
  return file;
}
/// The step that cuts text by a regular expression.
inline io::Json split_step(std::string_view expression) {
  return {{"type", "Split"}, {"pattern", {{"Regex", expression}}}, {"behavior", "Isolated"}, {"invert", false}};
}

/// SentencePiece joins the pair whose concatenation has the highest score: every way to cut a piece in two is a merge,
/// and the merges stand in falling order of the pieces' scores.
inline io::Json merges_of(const data::detail::SentencePieceModel& model) {
  std::unordered_map<std::string, std::size_t> ids;
  for (std::size_t id = 0; id < model.pieces.size(); ++id)
    if (model.pieces[id].type == data::detail::SentencePieceModel::normal) ids[model.pieces[id].text] = id;
  struct Cut {
    float score;
    std::size_t left, right;
  };
  std::vector<Cut> cuts;
  for (const auto& [text, id] : ids)
    for (std::size_t at = 1; at < text.size(); ++at) {
      const auto left = ids.find(text.substr(0, at)), right = ids.find(text.substr(at));
      if (left != ids.end() && right != ids.end())
        cuts.push_back({model.pieces[id].score, left->second, right->second});
    }
  std::sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
    return std::make_tuple(-a.score, a.left, a.right) < std::make_tuple(-b.score, b.left, b.right);
  });
  io::Json merges = io::Json::array();
  for (const Cut& cut : cuts)
    merges.push_back(io::Json::array({model.pieces[cut.left].text, model.pieces[cut.right].text}));
  return merges;
}

/// The ids of the pieces.
inline io::Json ids_of(const data::detail::SentencePieceModel& model) {
  io::Json ids = io::Json::object();
  for (std::size_t id = 0; id < model.pieces.size(); ++id) ids[model.pieces[id].text] = id;
  return ids;
}

/// The model of a tokenizer.json of kind Unigram.
inline io::Json unigram_of(const data::detail::SentencePieceModel& model) {
  io::Json vocabulary = io::Json::array(), unknown;
  for (const auto& piece : model.pieces) {
    if (piece.type == data::detail::SentencePieceModel::unknown) unknown = vocabulary.size();
    vocabulary.push_back({piece.text, piece.score});
  }
  return {{"type", "Unigram"}, {"unk_id", unknown}, {"vocab", std::move(vocabulary)}, {"byte_fallback", true}};
}

inline io::Json sentencepiece_json(const data::detail::SentencePieceModel& model, Index bos) {
  io::Json added = io::Json::array();
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const auto& piece = model.pieces[id];
    if (piece.type == data::detail::SentencePieceModel::control ||
        piece.type == data::detail::SentencePieceModel::unknown)
      added.push_back(special_token(piece.text, id));
  }
  const bool unigram = model.kind == data::detail::SentencePieceModel::unigram;
  io::Json file = tokenizer_frame(unigram ? unigram_of(model) : bpe_of(ids_of(model), merges_of(model), true),
                                  std::move(added), model.pieces[static_cast<std::size_t>(bos)].text, bos);
  const std::string sign(data::space_sign);
  const auto replace = [](const std::string& from, const std::string& to) {
    return io::Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  io::Json undo = io::Json::array({replace(sign, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}});
  io::Json normalizers = io::Json::array({replace(" ", sign)});
  if (model.dummy_prefix) {
    const io::Json prepend = {{"type", "Prepend"}, {"prepend", sign}};
    normalizers.insert(normalizers.begin(), prepend);
    undo.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  file["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  file["decoder"] = {{"type", "Sequence"}, {"decoders", undo}};
  return file;
}

inline io::Json byte_json(Index bos) {
  io::Json vocabulary = io::Json::object();
  for (std::size_t byte = 0; byte < 256; ++byte)
    vocabulary[data::detail::spelled(data::detail::byte_characters()[byte])] = byte;
  const std::string name = "<s>";
  vocabulary[name] = bos;
  io::Json file = tokenizer_frame(bpe_of(std::move(vocabulary), io::Json::array(), false),
                                  io::Json::array({special_token(name, static_cast<std::size_t>(bos))}), name, bos);
  file["decoder"] = file["pre_tokenizer"] = byte_level_step(false);
  return file;
}

}  // namespace detail

/// The tokenizer.json of a byte tokenizer, or of a SentencePiece model; null for any other, and for a model with unused
/// or user-defined pieces. transformers reads it without further packages and gives the same ids, with bos in front,
/// for text that is UTF-8, has no NUL, U+2581 or U+2585 and spells no special token. Where a unigram model can cut a
/// word in several ways of equal score, it may choose another, as it sums scores in double precision.
inline io::Json export_tokenizer(const data::Tokenizer& tokenizer) {
  if (tokenizer.serialized().empty()) return detail::byte_json(tokenizer.bos());
  if (tokenizer.file_name() != "tokenizer.model") return nullptr;
  const data::detail::SentencePieceModel model = data::detail::read_sentencepiece_model(tokenizer.serialized());
  using Pieces = data::detail::SentencePieceModel;
  const bool plain = std::all_of(model.pieces.begin(), model.pieces.end(), [](const Pieces::Piece& piece) {
    return piece.type != Pieces::user_defined && piece.type != Pieces::unused;
  });
  return plain ? detail::sentencepiece_json(model, tokenizer.bos()) : io::Json();
}

/// The tokenizer_config.json beside the tokenizer.json of a tokenizer.
inline io::Json export_tokenizer_config(const data::Tokenizer& tokenizer) {
  io::Json config = {{"tokenizer_class", "PreTrainedTokenizerFast"},
                     {"clean_up_tokenization_spaces", false},
                     {"bos_token", tokenizer.piece(tokenizer.bos())}};
  if (tokenizer.eos() >= 0) config["eos_token"] = tokenizer.piece(tokenizer.eos());
  return config;
}

}}}  // namespace neutra::NEUTRA_ABI::train
