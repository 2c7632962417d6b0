/// The options of `extend` that say which methods are compared, and with which settings.
#pragma once

#include "neutra/adapter/registry.hpp"
#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/method_options.hpp"
#include "neutra/program/option_group.hpp"
#include "neutra/study/methods.hpp"
#include "neutra/study/options.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// "gate of neutral: relu, elu"
inline std::string one_of(std::string_view what, const std::vector<std::string>& names) {
  return concat(what, ": ", listed(names));
}

/// What is compared, beside study::Options.
struct ComparisonOptions {
  std::vector<std::string> default_specs{};  // where no method is given
  bool of_study = false;
  std::string methods{};
  std::vector<std::string> specs{}, rates{};  // of --method and --lr
  std::string alphas{};
  double capacity = 0.2;  // of the block weights, as in the paper
  std::string gate = "relu", body = "gated_unit", penalty = "l1", init = "low_variance", placement = "parallel";
  std::string targets{};

  /// o: takes what is an option of a study as it is.
  void add_to(CLI::App& app, study::Options& o, const adapter::Registry& registry) {
    add_comparison(app, o);
    add_settings(app, registry);
  }

  /// Those of --methods, then those of --method; the defaults where neither is given, but for those that cannot be
  /// trained without original text, in the one layer of a backbone that is pretrained, or on top of an adapter.
  std::vector<std::string> all_specs(const CLI::App& app, const study::Options& o,
                                     const adapter::Registry& registry) const {
    std::vector<std::string> all = specs.empty() ? default_specs : std::vector<std::string>{};
    const bool lacks = o.share == 0 || (o.model.empty() && o.layers == 1), on_adapter = given(app, "--adapter");
    if (!of_study)
      std::erase_if(all, [&](const std::string& name) {
        const study::Shorthand& one = *study::find_shorthand(name);
        return (lacks && one.needs_more) || (on_adapter && one.trains == study::Trains::model);
      });
    if (given(app, "--methods")) all = specs_of(methods, registry);
    all.insert(all.end(), specs.begin(), specs.end());
    return all;
  }

  /// What the methods of `all` have unless they set it themselves. Error: an option that none of them reads. With
  /// `resume` it may stay as it was: a method may have been left out.
  study::MethodDefaults defaults_for(const std::vector<std::string>& all, const CLI::App& app, bool resume) const {
    study::MethodDefaults defaults{.settings = {{"capacity", capacity}}, .rates = rates_of(rates)};
    std::string sites = targets;
    std::replace(sites.begin(), sites.end(), ',', '|');
    for (const SharedSetting& shared : {SharedSetting{"--gate", "gate", gate},
                                        {"--body", "body", body},
                                        {"--penalty", "penalty", penalty},
                                        {"--init", "init", init},
                                        {"--placement", "placement", placement},
                                        {"--lora-targets", "targets", sites}}) {
      defaults.options[shared.key] = shared.option;
      if (given(app, shared.option) && !resume) check_read(shared, all);
      if (given(app, shared.option) || !shared.value.empty()) defaults.settings[shared.key] = shared.value;
    }
    return defaults;
  }

 private:
  void add_comparison(CLI::App& app, study::Options& o) {
    begin_group(app, "Comparison");
    app.add_option("--methods", methods,
                   one_of(of_study ? "methods to compare in place of the study's" : "methods to compare, default",
                          study::shorthand_names()));
    app.add_option("--method", specs,
                   "a method to compare, such as 'mine: residue(gate=elu)'; see below; may be given several times");
    app.add_option("--baseline", o.baseline,
                   "label of the method that the others are compared with; default adapter, if it is among them");
    add_with_default(app, "--capacity", capacity, "extra weights, as a fraction of the blocks' weights");
    add_with_default(app, "--seeds", o.seeds, "extension seeds");
    app.add_option("--lr", rates,
                   concat("learning rates, for all methods (1e-3,2e-3) or one (finetune=5e-4,1e-3), default ",
                          listed_numbers(o.adapter_rates), " for adapters and ", listed_numbers(o.model_rates),
                          " for finetuning; with several, the best is selected"));
    app.add_option("--alpha", alphas,
                   concat("weight of the local loss, default ", listed_numbers(o.alphas), "; ",
                          of_study ? "of several, each is a line" : "with several, the best is selected"));
    if (of_study)
      app.add_flag("--whole-curve", o.whole_curve, "run further seeds with every rate");
    else
      app.add_flag("!--chosen-rate-only", o.whole_curve, "run further seeds with the selected rate only");
  }

  void add_settings(CLI::App& app, const adapter::Registry& registry) {
    begin_group(app, "Settings of methods");
    add_with_default(app, "--gate", gate, one_of("gate of neutral", registry.gates.names()));
    add_with_default(app, "--body", body, one_of("body of neutral and adapter", registry.bodies.names()));
    add_with_default(app, "--penalty", penalty, one_of("penalty of neutral", registry.penalties.names()));
    add_with_default(app, "--init", init, one_of("initialisation of neutral", registry.inits.names()));
    add_with_default(
        app, "--placement", placement,
        one_of("placement of neutral and adapter", {adapter::placement_names.begin(), adapter::placement_names.end()}));
    app.add_option("--lora-targets", targets,
                   one_of("projections that lora adapts, default all",
                          {adapter::site_names.begin(), adapter::site_names.begin() + adapter::projection_sites}));
  }
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
