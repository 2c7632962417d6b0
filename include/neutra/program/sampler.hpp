/// Drawing the next token of a text.
#pragma once

#include "neutra/core/error.hpp"
#include "neutra/core/view.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// How the next token is drawn. Each setting keeps fewer tokens, in this order, as in transformers.
struct Sampling {
  double repetition_penalty = 1;  // logits l of tokens of the text become l / penalty, or l penalty if negative
  double temperature = 0;         // softmax(logits / temperature); 0: the most likely token
  Index top_k = 0;                // the k most likely tokens; 0: all
  double top_p = 1;               // the fewest most likely tokens whose probabilities add up to at least p
  double min_p = 0;               // those at least min_p times as likely as the most likely one

  /// Error: a setting out of range.
  void check() const {
    const auto among = [](bool holds, const char* name, const char* range, double value) {
      require(holds && std::isfinite(value), "--", name, " must be ", range, ", got ", value);
    };
    among(repetition_penalty > 0, "repetition-penalty", "above 0", repetition_penalty);
    among(temperature >= 0, "temperature", "0 or more", temperature);
    among(top_k >= 0, "top-k", "0 (all) or more", static_cast<double>(top_k));
    among(top_p > 0 && top_p <= 1, "top-p", "above 0 and at most 1", top_p);
    among(min_p >= 0 && min_p <= 1, "min-p", "from 0 to 1", min_p);
  }
};

/// Draws tokens of a list.
class Sampler {
 public:
  /// among: the tokens that may be drawn, at least one. Error: see Sampling::check.
  Sampler(const Sampling& sampling, std::vector<std::int32_t> among) : sampling_(sampling), among_(std::move(among)) {
    sampling_.check();
    require(!among_.empty(), "sampler: there must be a token to draw, got none");
  }

  /// The token after `text`. uniform: a random number in [0, 1)
  std::int32_t draw(View<const float> logits, std::span<const std::int32_t> text, double uniform) {
    list(logits, text);
    const auto best = std::max_element(tokens_.begin(), tokens_.end(), less_likely);
    if (sampling_.temperature == 0) return best->id;
    const double top = best->score;
    for (Token& token : tokens_) token.score = std::exp((token.score - top) / sampling_.temperature);
    cut();
    double left = uniform * total();
    for (const Token& token : tokens_)
      if ((left -= token.score) < 0) return token.id;
    return tokens_.front().id;  // rounding used up the last probability
  }

 private:
  struct Token {
    std::int32_t id;
    double score;  // the logit, then the probability relative to that of the most likely token
  };
  static bool less_likely(const Token& a, const Token& b) { return a.score < b.score; }

  void list(View<const float> logits, std::span<const std::int32_t> text) {
    scores_.assign(logits.data, logits.data + logits.size());
    if (sampling_.repetition_penalty != 1) {
      said_.assign(text.begin(), text.end());
      std::sort(said_.begin(), said_.end());
      said_.erase(std::unique(said_.begin(), said_.end()), said_.end());
      for (const std::int32_t id : said_) {
        double& score = scores_[static_cast<std::size_t>(id)];
        score = score > 0 ? score / sampling_.repetition_penalty : score * sampling_.repetition_penalty;
      }
    }
    tokens_.clear();
    for (const std::int32_t id : among_) tokens_.push_back({id, scores_[static_cast<std::size_t>(id)]});
  }
  double total() const {
    double sum = 0;
    for (const Token& token : tokens_) sum += token.score;
    return sum;
  }
  /// Keeps the tokens that top_k, top_p and min_p allow, the most likely first.
  void cut() {
    const Index k = sampling_.top_k;
    const double p = sampling_.top_p, min = sampling_.min_p;
    if (k == 0 && p == 1 && min == 0) return;
    std::stable_sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) { return less_likely(b, a); });
    if (k > 0) tokens_.resize(std::min(tokens_.size(), static_cast<std::size_t>(k)));
    double left = p < 1 ? p * total() : total() * 2;
    std::size_t kept = 0;
    while (kept < tokens_.size() && left > 0 && tokens_[kept].score >= min) left -= tokens_[kept++].score;
    tokens_.resize(std::max<std::size_t>(kept, 1));
  }

  Sampling sampling_;
  std::vector<std::int32_t> among_, said_;
  std::vector<double> scores_;
  std::vector<Token> tokens_;
};

}}}  // namespace neutra::NEUTRA_ABI::program
