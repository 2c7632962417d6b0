/// A model as it was before training, as the teacher of what it becomes.
#pragma once

#include "neutra/adapter/none.hpp"
#include "neutra/nn/transformer.hpp"
#include "neutra/op/kl_divergence.hpp"
#include "neutra/op/sparse_rows.hpp"

#include <optional>
#include <span>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// Computes the logits of the backbone with an adapter that stays as it is, for the sequences of the original domain
/// alone. It shares the backbone's weights and has a tape of its own, which records nothing; on the tape of the step
/// its logits are a constant.
template <class A, Scalar S, Backend D> class Teacher {
 public:
  /// before: the adapter of the model before training, such as a Fixed one      The student must outlive this.
  explicit Teacher(nn::Transformer<A, S, D>& student, const A& before = A(adapter::None{}))
      : student_(student), teacher_(student.backbone(), before) {}

  /// scale * sum of KL(teacher || model) over the tokens of original-domain sequences, in nats; empty if the batch has
  /// none. Only the rows of these tokens are multiplied by the head again.
  /// hidden: Losses::hidden of the batch, (B*T,d)      The result is valid until the next call.
  /// Error: a batch without domains.
  std::optional<Var<S, D>> divergence(const nn::Tokens& tokens, Var<S, D> hidden, S scale) {
    select(tokens);
    if (index_.empty()) return std::nullopt;
    auto& tape = hidden.tape();
    const RowSet rows{on_device(index_, tape), on_device(place_, tape), static_cast<Index>(index_.size()),
                      static_cast<Index>(place_.size())};
    tape_.start(false);
    const View<const S> wanted =
        teacher_.logits(tape_, {rows.count / tokens.length, tokens.length, inputs_}).value();  // (M,V)
    const auto logits = student_.logits_of(gather_rows(hidden, rows));                         // (M,V)
    return kl_divergence(logits, tape.input(wanted), static_cast<const S*>(nullptr), scale);
  }

 private:
  /// The inputs and rows of the original-domain sequences of a batch.
  void select(const nn::Tokens& tokens) {
    require(static_cast<Index>(tokens.domains.size()) == tokens.sequences, "teacher: each of the ", tokens.sequences,
            " sequences needs a domain, got ", tokens.domains.size(), "; give Tokens::domains");
    index_.clear();
    inputs_.clear();
    place_.assign(tokens.inputs.size(), -1);
    for (std::size_t n = 0; n < tokens.inputs.size(); ++n) {
      if (tokens.domains[n / static_cast<std::size_t>(tokens.length)] != 0) continue;
      place_[n] = static_cast<std::int32_t>(index_.size());
      index_.push_back(static_cast<std::int32_t>(n));
      inputs_.push_back(tokens.inputs[n]);
    }
  }
  static const std::int32_t* on_device(const std::vector<std::int32_t>& numbers, Tape<S, D>& tape) {
    auto* memory = tape.template memory<std::int32_t>(static_cast<Index>(numbers.size()));
    D::template upload<std::int32_t>(std::span<const std::int32_t>(numbers), memory);
    return memory;
  }

  nn::Transformer<A, S, D>& student_;
  nn::Transformer<A, S, D> teacher_;
  Tape<S, D> tape_;
  std::vector<std::int32_t> index_, place_, inputs_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
