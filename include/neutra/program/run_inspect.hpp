/// The implementation of the program `inspect`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/io/output_file.hpp"
#include "neutra/io/sealed.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/shell.hpp"
#include "neutra/program/text_options.hpp"
#include "neutra/report/gate_page.hpp"
#include "neutra/report/spectra.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/gate_trace.hpp"
#include "neutra/train/load.hpp"
#include "neutra/train/texts.hpp"

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

struct InspectOptions {
  io::Path model, text, html;
  train::TextFormat format;
  std::vector<io::Path> adapters;
  std::optional<std::uint64_t> seed;
  Index tokens = 2000, values = 3, threads = 0;
  bool json = false;

  void add_to(CLI::App& app) {
    app.add_option("--model", model, about_models)->required();
    app.add_option("--adapter", adapters,
                   "adapters for this model: NAME.safetensors, or LoRA folders of PEFT; one or several")
        ->required();
    app.add_option("--seed", seed, "seed of the initial values; without it, that of outcome.json beside the adapter");
    app.add_option("--values", values, "number of singular values to show")->capture_default_str();
    app.add_option("--text", text, "draw this text coloured by the gates, instead of singular values");
    add_text_format(app, format);
    app.add_option("--tokens", tokens, "number of tokens of the text to draw")->capture_default_str();
    app.add_option("--html", html, "write a page with pictures to this file");
    app.add_option("--threads", threads, "number of threads; 0: all")->capture_default_str();
    app.add_flag("--json", json, "print all singular values as a JSON object instead of tables");
  }
  /// Error: an invalid value, or options that do not go together.
  void check() const {
    study::detail::check_count(values, "values");
    study::detail::check_count(tokens, "tokens");
    study::detail::check_threads(threads);
    if (text.empty()) return;
    require(!html.empty(), "--text needs --html, the file for the page");
    require(!json, "--json prints singular values and does not go with --text; leave one out");
    require(adapters.size() == 1, "--text takes one --adapter, got ", adapters.size());
  }
};

/// The seed of the run whose folder the adapter is in; empty if it is in none.
inline std::optional<std::uint64_t> recorded_seed(const io::Path& adapter) {
  const io::Path outcome = adapter.parent_path() / "outcome.json";
  if (!io::is_there(outcome)) return std::nullopt;
  const io::Json json = io::read_sealed(outcome), row = json.value("row", io::Json());
  if (!row.is_object() || !row.contains("seed") || !row["seed"].is_number_unsigned()) return std::nullopt;
  return row["seed"].get<std::uint64_t>();
}

/// The layer in a parameter's name, as in adapter.3.up_proj, and the name without it; -1 if it has none.
inline std::pair<Index, std::string> layer_and_name(const std::string& name) {
  constexpr std::string_view mark = "adapter.";
  const std::size_t at = name.find(mark), first = at == name.npos ? name.npos : at + mark.size();
  const std::size_t end = first == name.npos ? name.npos : name.find_first_not_of("0123456789", first);
  if (end == name.npos || end == first || name[end] != '.' || end - first > 9) return {-1, name};
  return {std::stoll(name.substr(first, end - first)), name.substr(0, at) + name.substr(end + 1)};
}

/// How the initial values of an adapter are known, which a run of neutra draws from its seed.
inline std::string known_by(const train::SavedAdapter& saved, bool asked, bool recorded) {
  if (asked) return ", as asked";
  if (recorded) return ", of its run";
  if (saved.peft) return ", a draw of the distribution that PEFT starts with by default; its own are not known";
  return ", a draw of the same distribution; its own is known by --seed";
}

/// The matrices of a trained adapter beside those that it started with.
inline report::AdapterSpectra spectra_of(const InspectOptions& options, const io::Path& path,
                                         const adapter::Registry& registry) {
  const train::SavedAdapter saved = train::saved_adapter(path, registry);
  require(!saved.peft || !options.seed, path.string(),
          ": --seed draws the initial values of a run of neutra, but this ",
          "is a LoRA of PEFT, whose initial values are not known; leave --seed out");
  const train::LoadedModel loaded = train::load_model(options.model, std::vector{saved}, {nn::Purpose::evaluation});
  const std::optional<std::uint64_t> recorded = recorded_seed(path), known = options.seed ? options.seed : recorded;
  train::Model fresh(loaded.model->backbone(), saved.adapter_for(loaded.model->config()), known.value_or(1));
  report::AdapterSpectra all{.label = path.string(),
                             .start = concat("the initial values of seed ", known.value_or(1),
                                             known_by(saved, options.seed.has_value(), recorded.has_value()))};
  const auto before = fresh.parameters(), after = loaded.model->parameters();
  std::deque<Tensor<float>> copies;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const View<const float> start = nn::on_host(*before.at(i), copies), end = nn::on_host(*after[i], copies);
    if (end.shape.rank() != 2) continue;
    const auto [layer, name] = layer_and_name(after[i]->name);
    all.matrices.push_back({name, layer, end.rows(), end.cols(), spectrum(start), spectrum(end)});
  }
  return all;
}

inline void inspect_matrices(const InspectOptions& options, const adapter::Registry& registry,
                             const std::string& command) {
  const auto leading = static_cast<std::size_t>(options.values);
  std::vector<report::AdapterSpectra> all;
  for (const io::Path& path : options.adapters) all.push_back(spectra_of(options, path, registry));
  io::Json told = io::Json::array();
  for (const report::AdapterSpectra& one : all) {
    if (options.json)
      told.push_back(report::to_json(one));
    else
      std::printf("%s\n", report::spectra_table(one, leading).c_str());
  }
  if (options.json)
    std::printf("%s\n", io::Json{{"adapters", told}}.dump().c_str());
  else
    std::printf("%.*s\n", static_cast<int>(report::spectra_note.size()), report::spectra_note.data());
  if (!options.html.empty()) io::write_file(options.html, report::spectra_page(all, command, leading));
}

inline void inspect_text(const InspectOptions& options, const adapter::Registry& registry, const std::string& command,
                         std::stop_token stop) {
  const data::Text text = train::read_texts({options.text}, "--text", options.format);
  const io::Path& adapter = options.adapters.front();
  const train::LoadedModel loaded = train::load_model(options.model, adapter, registry, {nn::Purpose::evaluation});
  std::vector<std::int32_t> ids = loaded.tokenizer->encode(text.bytes);
  const std::size_t whole = ids.size(), shown = std::min(whole, static_cast<std::size_t>(options.tokens));
  ids.resize(shown);
  constexpr Index longest = 4096;  // as in evaluate
  const Index length = std::min(loaded.model->config().context, longest);
  Tape<float, DefaultDevice> tape;
  train::GateTrace trace = train::trace_gates(*loaded.model, tape, ids, loaded.tokenizer->bos(), length, stop);
  require(!trace.layers.empty(), adapter.string(), ": must have gates, but has none; take an adapter with a gate that ",
          "is not open");
  report::GatedText page{.tokens = train::join_characters(trace, *loaded.tokenizer, ids)};
  page.layers = std::move(trace.layers);
  page.gates = std::move(trace.gates);
  page.facts = {
      {"command", command},
      {"tokens", concat(shown < whole ? "the first " : "all ", shown, " of ", whole,
                        "; tokens that spell one character together are shown as one, with the mean of their gates")},
      {"context", concat("begins anew after every ", length - 1, " tokens")}};
  io::write_file(options.html, report::gate_page(page));
  std::printf("page: %s\n", io::printable_whole(options.html.native()).c_str());
}

}  // namespace detail

/// Runs inspect. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_inspect(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("inspect", [&](std::stop_token stop) {
    CLI::App app("Show the singular values of an adapter's matrices before and after training, or a text by its gates.",
                 "inspect");
    detail::InspectOptions options;
    options.add_to(app);
    parse_command_line(app, argc, argv);
    options.check();
    set_threads(options.threads);
    const adapter::Registry registry = policies();
    const std::string command = command_of(argc, argv);
    if (options.text.empty())
      detail::inspect_matrices(options, registry, command);
    else
      detail::inspect_text(options, registry, command, stop);
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
