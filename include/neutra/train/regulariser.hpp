/// Regularisers: additions to training that keep a model near its backbone.
///
/// A regulariser is a small struct of options, one of the values of a method. In a run it is an Instance, made before
/// the first step:
///   static constexpr std::string_view name
///       in specs: NAME=VALUE sets its first option, NAME.OPTION=VALUE another
///   static constexpr Needs needs
///       what it cannot work without
///   static void options(self, visit)
///       its options, numbers, by name (core/options.hpp)
///   void check() const
///       Error: an option out of range
///   class Instance : public Regularisation
///     Instance(const Mine&, const TrainingStart&)
/// Everything an Instance computes is a function of its options, the backbone and the text, so that a resumed run
/// continues with the same bits. Nothing of it is saved.
#pragma once

#include "neutra/core/options.hpp"
#include "neutra/core/settings.hpp"
#include "neutra/data/windows.hpp"
#include "neutra/train/model.hpp"

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace neutra { inline namespace NEUTRA_ABI { namespace train {

/// What a regulariser cannot work without.
struct Needs {
  bool trained_backbone = false;    // trained weights of the backbone, as in finetuning
  bool original_text = false;       // training text of the original domain
  bool original_sequences = false;  // sequences of that domain in training: a share of more than 0
};

/// What an Instance is made from; all outlive it.
struct TrainingStart {
  Model& model;
  const data::Windows& original;  // the training text of the original domain; may be empty
  const Adapter& before;          // that of the model before training; what is trained is beside it
};

/// A batch whose losses are on the tape.
struct LossOfBatch {
  const nn::Tokens& tokens;
  const nn::StepCounts& counts;
  const nn::Losses<float, DefaultDevice>& losses;
};

/// A regulariser in a run. The trainer calls these functions in each step, none of which may wait for the device.
class Regularisation {
 public:
  virtual ~Regularisation() = default;
  /// The share of a batch in a further loss of the step, its weight included; empty if there is none.
  virtual std::optional<Var<float, DefaultDevice>> loss(const LossOfBatch&) { return std::nullopt; }
  /// Called once the gradients of all batches are added up, before clipping.
  virtual void change_gradients() {}
  /// Called after the update.
  virtual void change_weights() {}
  /// How many elements of trained parameters it holds at their start values.
  virtual Index frozen_weights() const { return 0; }
};

/// Any regulariser:
///     Method{.label = "l2", .trains = Trains::model, .regularisers = {regulariser::L2Sp{.weight = 0.1}}}
class Regulariser {
 public:
  /// Error: an option out of range.
  template <class R>
  requires(!std::same_as<R, Regulariser>) Regulariser(const R& regulariser)
      : name_(R::name), needs_(R::needs), start_([regulariser](const TrainingStart& start) {
          return std::unique_ptr<Regularisation>(std::make_unique<typename R::Instance>(regulariser, start));
        }) {
    static_assert(HasOptions<R>,
                  "neutra: this regulariser has no options; write  template <class Self, class Visit> static void "
                  "options(Self& self, const Visit& visit) { visit(\"weight\", self.weight); }");
    static_assert(std::derived_from<typename R::Instance, Regularisation>,
                  "neutra: the Instance of a regulariser must be a train::Regularisation");
    regulariser.check();
    visit_options(regulariser, [&](std::string_view option, const auto& value) {
      settings_[settings_.empty() ? name_ : concat(name_, '.', option)] = setting_of(value);
    });
  }

  const std::string& name() const { return name_; }
  const Needs& needs() const { return needs_; }
  /// Its options as the settings by which a row records them: NAME, and NAME.OPTION for all but the first.
  const Settings& settings() const { return settings_; }
  /// Error: what it needs is missing.
  std::unique_ptr<Regularisation> start(const TrainingStart& start) const { return start_(start); }

 private:
  std::string name_;
  Needs needs_;
  Settings settings_;
  std::function<std::unique_ptr<Regularisation>(const TrainingStart&)> start_;
};

}}}  // namespace neutra::NEUTRA_ABI::train
