/// Multiple choice by likelihood: the ending that a model finds most likely after the context.
#pragma once

#include "neutra/data/multiple_choice.hpp"
#include "neutra/data/tokenizer.hpp"
#include "neutra/train/model.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// ln p(ending | context), the sum over the tokens of the ending. The inputs are bos, the context and the ending
/// without its last token; if they exceed `length`, the context is cut on the left, after bos. One sequence at a time,
/// so that no result depends on others.
/// Error: an ending without tokens or with more than `length`; Diverged for a sum that is not finite.
inline double log_likelihood(Model& model, Tape<float, DefaultDevice>& tape, std::int32_t bos,
                             std::span<const std::int32_t> context, std::span<const std::int32_t> ending,
                             Index length) {
  const auto predicted = static_cast<Index>(ending.size());
  require(predicted > 0 && predicted <= length, "an ending must have 1 to ", length, " tokens, got ", predicted,
          "; give a model with a longer context, or leave the question out");
  std::vector<std::int32_t> inputs{bos};
  const auto kept = std::min(static_cast<Index>(context.size()), length - predicted);
  inputs.insert(inputs.end(), context.end() - kept, context.end());
  inputs.insert(inputs.end(), ending.begin(), ending.end() - 1);
  const auto count = static_cast<Index>(inputs.size());
  tape.start(false);
  Pass<float, DefaultDevice> pass{.tape = tape};
  const View<const float> h = model.hidden({1, count, inputs}, pass).value();
  const View<const float> rows(h.row(count - predicted), {predicted, h.cols()});
  const auto loss = static_cast<double>(model.loss_of(tape.input(rows), ending, 1.0f).item());
  if (!std::isfinite(loss)) throw Diverged(concat("the loss of an ending is ", loss, "; the weights are unusable"));
  return -loss;
}

/// The endings that a model chooses, one a question.
struct Chosen {
  std::vector<Index> summed;    // by ln p(ending | context); of equal ones the first
  std::vector<Index> per_byte;  // by that over the bytes of the ending
};

namespace detail {

inline Index largest(const std::vector<double>& values) {
  return std::max_element(values.begin(), values.end()) - values.begin();
}

/// The chosen endings of one question. White space at the end of the context is scored with the ending, where words
/// begin with their space.
inline void choose(Model& model, Tape<float, DefaultDevice>& tape, const data::Tokenizer& tokenizer,
                   const data::MultipleChoice& question, Index length, Chosen& chosen) {
  const std::size_t end = question.context.find_last_not_of(" \t\r\n") + 1;
  const std::string space = question.context.substr(end);
  const auto context = tokenizer.encode(std::string_view(question.context).substr(0, end));
  std::vector<double> summed, per_byte;
  for (const std::string& ending : question.endings) {
    const auto tokens = tokenizer.encode(space + ending);
    summed.push_back(log_likelihood(model, tape, tokenizer.bos(), context, tokens, length));
    per_byte.push_back(summed.back() / static_cast<double>(ending.size()));
  }
  chosen.summed.push_back(largest(summed));
  chosen.per_byte.push_back(largest(per_byte));
}

}  // namespace detail

/// Answers every question. Context and ending are tokenized apart, so that the tokens of the context are those of every
/// ending. As in the LM Evaluation Harness, `summed` is its acc, white space moves to the ending, and per_byte is its
/// acc_norm, except that it divides by bytes where acc_norm divides by characters; for ASCII these are the same.
/// length: the longest sequence, at most the model's context. Calls `seen(questions)` after each one.
/// Error: Stopped before the end; as log_likelihood, with the line of the question.
inline Chosen choose(Model& model, Tape<float, DefaultDevice>& tape, const data::Tokenizer& tokenizer,
                     const std::vector<data::MultipleChoice>& questions, Index length,
                     const std::function<void(Index)>& seen = {}, std::stop_token stop = {}) {
  Chosen chosen;
  for (const data::MultipleChoice& question : questions) {
    const auto done = static_cast<Index>(chosen.summed.size());
    if (stop.stop_requested()) throw Stopped(concat("stopped after ", done, " of ", questions.size(), " questions"));
    const std::string where = question.line > 0 ? concat("line ", question.line) : concat("question ", done);
    with_run_name(where, [&] { detail::choose(model, tape, tokenizer, question, length, chosen); });
    if (seen) seen(done + 1);
  }
  return chosen;
}

/// Whether each question was answered right. Error: another number of answers than of questions.
inline std::vector<bool> right_of(const std::vector<Index>& chosen,
                                  const std::vector<data::MultipleChoice>& questions) {
  require(chosen.size() == questions.size(), "right_of: each question has one answer, got ", chosen.size(), " for ",
          questions.size());
  std::vector<bool> right;
  for (std::size_t n = 0; n < chosen.size(); ++n) right.push_back(chosen[n] == questions[n].label);
  return right;
}

}}}  // namespace neutra::NEUTRA_ABI::train
