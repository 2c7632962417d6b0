/// Unigram tokenizers: the most probable way to cut a word into pieces.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/utf8.hpp"
#include "neutra/data/text_changes.hpp"
#include "neutra/data/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace data {

/// Finds the pieces that a text begins with.
class PieceIndex {
 public:
  /// Not an empty piece, and none twice.
  void add(std::string piece, std::int32_t id, double score) { pieces_.push_back({std::move(piece), id, score}); }

  /// Must follow the last `add`.
  void sort() {
    std::sort(pieces_.begin(), pieces_.end(), [](const Piece& a, const Piece& b) { return a.text < b.text; });
    std::size_t at = 0;
    for (std::size_t byte = 0; byte < 256; ++byte) {
      first_[byte] = at;
      while (at < pieces_.size() && static_cast<unsigned char>(pieces_[at].text[0]) == byte) ++at;
    }
    first_[256] = at;
  }

  /// Calls found(length, id, score) for every piece that the text, which is not empty, begins with, the shortest first.
  template <class Found> void prefixes(std::string_view text, Found&& found) const {
    const auto lead = static_cast<unsigned char>(text[0]);
    auto low = pieces_.begin() + static_cast<std::ptrdiff_t>(first_[lead]),
         high = pieces_.begin() + static_cast<std::ptrdiff_t>(first_[lead + 1u]);
    for (std::size_t depth = 1; low != high; ++depth) {
      if (low->text.size() == depth) {
        found(depth, low->id, low->score);
        ++low;
      }
      if (depth == text.size()) return;
      const auto byte = static_cast<unsigned char>(text[depth]);
      const auto at = [&](const Piece& piece) { return static_cast<unsigned char>(piece.text[depth]); };
      low = std::partition_point(low, high, [&](const Piece& piece) { return at(piece) < byte; });
      high = std::partition_point(low, high, [&](const Piece& piece) { return at(piece) == byte; });
    }
  }

 private:
  struct Piece {
    std::string text;
    std::int32_t id;
    double score;
  };
  std::vector<Piece> pieces_;
  std::array<std::size_t, 257> first_{};  // the first piece that begins with a byte, or a later one
};

/// A unigram model.      Kudo 2018, arXiv 1804.10959
struct UnigramModel : Vocabulary {
  PieceIndex index;          // without special tokens, and without byte tokens where there is byte fallback
  double unknown_score = 0;  // of a character without a piece
  bool byte_fallback = false;
  std::vector<TextChange> changes;
  bool drops_white_space = false;  // it separates words
  bool cut_at_spaces = false;      // of Metaspace
};

/// Cuts a text so that the sum of the scores is largest; of equal sums, the one with the longest last piece wins. Sums
/// are taken in double precision from the left, as in the tokenizers library, because their rounding decides between
/// cuts whose pieces differ only in order.
/// emit(part, id): a part of the text; unknown characters that follow each other are one part, with the id of the
/// unknown token
template <class Emit> void cut(const UnigramModel& model, std::string_view text, Emit&& emit) {
  struct Best {  // of the ways to cut the text up to a place
    double score = -std::numeric_limits<double>::infinity();
    std::size_t from = 0;
    std::int32_t id = -1;  // of the last piece; -1 as long as there is no way
  };
  std::size_t start = 0;  // what is in front of it has been emitted
  std::vector<Best> best = {{0, 0, -1}};
  std::vector<std::pair<std::size_t, std::int32_t>> path;  // ends and ids
  const auto finish = [&](std::size_t end) {
    const double score = best[end - start].score;
    path.clear();
    for (std::size_t at = end; at > start; at = best[at - start].from) path.emplace_back(at, best[at - start].id);
    for (; !path.empty(); path.pop_back()) {
      const std::int32_t id = path.back().second;
      while (id == model.unknown && path.size() > 1 && path[path.size() - 2].second == id) path.pop_back();
      emit(text.substr(start, path.back().first - start), id);
      start = path.back().first;
    }
    best = {{score, 0, -1}};
  };
  constexpr std::size_t often = 4096;  // limits memory
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text, at), 1);
    const double score = best[at - start].score;
    const auto offer = [&](std::size_t size, std::int32_t id, double piece) {
      const std::size_t place = at + size - start;
      if (place >= best.size()) best.resize(place + 1);
      if (best[place].id < 0 || piece + score > best[place].score) best[place] = {piece + score, at, id};
    };
    bool known = false;
    model.index.prefixes(text.substr(at), [&](std::size_t size, std::int32_t id, double piece) {
      offer(size, id, piece);
      known = known || size == length;
    });
    if (!known) offer(length, model.unknown, model.unknown_score);
    at += length;
    const bool spanned = best.size() > at - start + 1, fuses = best[at - start].id == model.unknown;
    if (at - start >= often && !spanned && !fuses) finish(at);
  }
  finish(text.size());
}

}}}  // namespace neutra::NEUTRA_ABI::data
