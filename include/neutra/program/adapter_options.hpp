/// The options of the adapters of a model, for evaluate and generate: which there are, and how much of each is applied.
#pragma once

#include "neutra/core/nearest.hpp"
#include "neutra/program/command_line.hpp"
#include "neutra/program/program.hpp"
#include "neutra/train/several_adapters.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program { namespace detail {

/// An adapter as the command line names it, [NAME=]PATH. Without a name it has that of its file, or of its folder if
/// that is a folder of PEFT or the file is adapter.safetensors.
struct NamedAdapter {
  std::string name;
  io::Path path;

  explicit NamedAdapter(const std::string& text) : path(text) {
    const std::size_t equals = text.find('=');
    if (equals != text.npos && equals > 0 && text.find('/') > equals && !io::is_there(path)) {
      name = text.substr(0, equals);
      path = text.substr(equals + 1);
      return;
    }
    const io::Path whole = path.has_filename() ? path : path.parent_path();
    name = whole.extension() == ".safetensors" ? whole.stem().string() : whole.filename().string();
    const std::string folder = whole.parent_path().filename().string();
    const bool named = folder.find_first_not_of('.') != folder.npos;  // not "..", and not empty
    if ((name == "adapter" || name == "adapter_model") && named) name = folder;
  }
};

/// The attenuation of an adapter that applies all of it, with members where it is a list: those whose settings begin
/// with "0.", "1." and so on, behind `prefix`.
inline adapter::Attenuation whole_of(const Settings& settings, const std::string& prefix = {}) {
  adapter::Attenuation whole;
  for (std::size_t n = 0; settings.contains(concat(prefix, n)); ++n)
    whole.members.push_back(whole_of(settings, concat(prefix, n, ".")));
  return whole;
}
/// Calls visit(name, attenuation) for an adapter and, where it is a list, for its members: danish, danish.0, danish.1
template <class Visit>
void visit_named(const std::string& name, adapter::Attenuation& attenuation, const Visit& visit) {
  visit(name, attenuation);
  for (std::size_t n = 0; n < attenuation.members.size(); ++n)
    visit_named(concat(name, ".", n), attenuation.members[n], visit);
}

/// Multiplies the scale of each list into those of its members.
inline void multiply_down(adapter::Attenuation& list) {
  for (adapter::Attenuation& member : list.members) {
    member.scale *= list.scale;
    multiply_down(member);
  }
}

/// The options --adapter, --without and --scale. --threshold, which not every program has, is set by the program.
struct AdapterOptions {
  std::vector<std::string> adapters, without, scales;
  double threshold = 0;

  void add_to(CLI::App& app) {
    app.add_option("--adapter", adapters,
                   "adapters for this model, each on top of those before it: NAME.safetensors, or LoRA folders of "
                   "PEFT; NAME=PATH names one for --without and --scale");
    app.add_option("--without", without, "switch these adapters off; NAME.0, NAME.1: the members of a list");
    app.add_option("--scale", scales,
                   "how much of the adapters to apply; 0: the backbone, 1: the whole adapter; NAME=X: of one of them");
  }
  /// Reads the scales; comes before all below. Error: an option without effect, or an invalid value.
  void check(const CLI::App& app) {
    for (const char* name : {"--scale", "--threshold", "--without"})
      require(app.get_option_no_throw(name) == nullptr || app.count(name) == 0 || !adapters.empty(), name,
              " attenuates an adapter, but there is none; name one with --adapter");
    asked_ = asked_scales();
    for (const auto& [name, scale] : asked_) adapter::Attenuation{.scale = scale}.check();
    adapter::Attenuation{.threshold = threshold}.check();
  }
  /// The scale of all adapters together.
  double whole() const {
    const auto found = asked_.find("");
    return found == asked_.end() ? 1 : found->second;
  }
  /// Whether there are several adapters, or options that say something of a single one.
  bool tells_apart() const { return adapters.size() > 1 || asked_.size() > asked_.count(""); }

  /// Errors: as train::saved_adapter.
  std::vector<train::SavedAdapter> read(const adapter::Registry& registry) const {
    std::vector<train::SavedAdapter> all;
    for (const std::string& text : adapters) all.push_back(train::saved_adapter(NamedAdapter(text).path, registry));
    return all;
  }

  /// What the options apply of these adapters. Prints a note where one is applied without what it was trained on.
  /// Error: two of one name; a name that is none of theirs.
  adapter::Attenuation attenuation(const std::vector<train::SavedAdapter>& saved) const {
    adapter::Attenuation all{.scale = 1, .threshold = threshold};
    for (const auto& one : saved) all.members.push_back(whole_of(one.file.description.settings));
    std::map<std::string, double> asked = asked_;
    asked.erase("");
    std::vector<std::string> names;
    visit(all, [&](const std::string& name, adapter::Attenuation& one) {
      require(std::find(names.begin(), names.end(), name) == names.end(), "--adapter: every adapter needs a name of ",
              "its own, got two called ", name, "; name one of them: --adapter NAME=PATH");
      names.push_back(name);
      if (const auto found = asked.find(name); found != asked.end()) {
        one.scale = found->second;
        asked.erase(found);
      }
    });
    if (!asked.empty())
      fail(std::count(without.begin(), without.end(), asked.begin()->first) > 0 ? "--without" : "--scale",
           ": there is no adapter called ", asked.begin()->first, suggestion(asked.begin()->first, names),
           "; the adapters are ", listed(names));
    for (std::size_t i = 0; i < saved.size(); ++i)
      if (!saved[i].file.trained_on.empty()) note_foundation(NamedAdapter(adapters[i]).name, all.members[i]);
    if (saved.size() == 1) {
      const adapter::Attenuation only = all.members.front();  // the adapter of the model itself, not a member of it
      all = only;
      all.threshold = threshold;
    }
    all.scale *= whole();
    return all;
  }
  /// How much of each adapter is applied, by its name: its scale times those of the lists that it is in.
  std::map<std::string, double> scales_of(adapter::Attenuation attenuation) const {
    if (adapters.size() == 1) attenuation = {.members = {attenuation}};
    multiply_down(attenuation);
    std::map<std::string, double> all;
    visit(attenuation, [&](const std::string& name, const adapter::Attenuation& one) { all[name] = one.scale; });
    return all;
  }

 private:
  /// Calls visit_named for each of the adapters, whose attenuations are the members of `all`.
  template <class Visit> void visit(adapter::Attenuation& all, const Visit& each) const {
    for (std::size_t i = 0; i < adapters.size(); ++i)
      visit_named(NamedAdapter(adapters[i]).name, all.members.at(i), each);
  }
  /// By the name of the adapter; that of all together under an empty name. Error: no number; one that is given twice.
  std::map<std::string, double> asked_scales() const {
    std::map<std::string, double> all;
    const auto add = [&](const std::string& name, double scale) {
      require(all.emplace(name, scale).second, "--scale: that of ", name.empty() ? "all adapters" : name,
              " was given twice; give it once");
    };
    for (const std::string& text : scales) {
      const std::size_t equals = text.rfind('=');
      const std::string number = equals == text.npos ? text : text.substr(equals + 1);
      require(reads_as<double>(number), "--scale must be a number such as 0.5, or NAME=0.5, got ", text,
              decimal_comma(number));
      double scale = 0;
      std::from_chars(number.data(), number.data() + number.size(), scale);
      add(equals == text.npos ? "" : text.substr(0, equals), scale);
    }
    for (const std::string& name : without) add(name, 0);
    return all;
  }
  /// An adapter that was trained on top of others is a list of what it was trained on and of itself.
  static void note_foundation(const std::string& name, const adapter::Attenuation& list) {
    if (list.members.size() == 2 && list.scale != 0 && list.members[0].scale == 0 && list.members[1].scale != 0)
      print_line(concat("note: ", name, ".1 was trained on top of ", name, ".0, which is switched off; leave it on to ",
                        "get what was trained"));
  }

  std::map<std::string, double> asked_;  // as asked_scales()
};

}}}}  // namespace neutra::NEUTRA_ABI::program::detail
