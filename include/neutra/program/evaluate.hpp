/// The program `evaluate`: bits per byte of a text under a model.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/program.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/load.hpp"

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// What both evaluate and generate are told of the model.
struct ModelOptions {
  io::Path model, adapter;
  std::string precision = "float";
  Index threads = 0;

  train::LoadedModel load(const adapter::Registry& registry) const {
    train::LoadedModel loaded = train::load_model(model, adapter, registry);
    loaded.model->bf16_products = precision == "bf16";
    return loaded;
  }
  void add_to(CLI::App& app) {
    app.add_option("--model", model, "a Hugging Face llama folder")->required();
    app.add_option("--adapter", adapter, "an adapter made for it: NAME.safetensors");
    app.add_option("--precision", precision, "float, or bf16: what products round to before they multiply")
        ->capture_default_str();
    app.add_option("--threads", threads, "0: all of the machine")->capture_default_str();
  }
  /// What holds for the values. Error: one that means nothing.
  void check() const {
    study::detail::check_precision(precision);
    if (precision == "bf16") cpu::bf16_unit();  // what it refuses is told before weights are read
    study::detail::check_threads(threads);
  }
};

}  // namespace detail

/// main() of evaluate; a user's own adapters and policies are named as in extend_main.
template <class Gates = gate::All, class... Own> int evaluate_main(int argc, const char* const* argv) {
  static_assert((adapter::Registry::check<Own>() && ...));
  return run_program("evaluate", [&](std::stop_token stop) {
    CLI::App app("Bits per byte of a text under a model, with or without an adapter.", "evaluate");
    detail::ModelOptions options;
    options.add_to(app);
    std::vector<io::Path> files;
    Index sequence = 0, batch = 16;
    bool json = false;
    app.add_option("--text", files, "text to predict; one file or several")->required();
    app.add_option("--sequence", sequence, "tokens of a window; 0: the model's context, at most 4096");
    app.add_option("--batch", batch, "windows at a time")->capture_default_str();
    app.add_flag("--json", json, "one JSON object instead of a line");
    parse_command_line(app, argc, argv);
    options.check();
    study::detail::check_from_zero(sequence, "sequence");
    study::detail::check_count(batch, "batch");
    set_threads(options.threads);
    const data::Text text = data::read_texts(files);
    for (const std::string& remark : text.remarks) print_line(remark);
    const train::LoadedModel loaded = options.load(adapter::Registry::with<Gates, Own...>());
    constexpr Index most =
        4096;  // by itself: attention over the millions that a config.json may claim takes memory and days
    const Index context = loaded.model->config().context, length = sequence > 0 ? sequence : std::min(context, most);
    if (sequence == 0 && context > most)
      print_line(
          concat("note: windows of ", most, " tokens, the model's context is ", context, "; --sequence sets them"));
    require(length <= context, "--sequence must not exceed the model's context of ", context, ", got ", length);
    Tape<float, Cpu> tape;
    const train::EvaluationText parts{data::Windows(*loaded.tokenizer, text.bytes, length),
                                      static_cast<Index>(text.bytes.size())};
    const train::Evaluation result =
        train::evaluate(*loaded.model, tape, parts, data::Domain::target, batch, nullptr, {}, stop);
    io::Json told = {{"tokens", result.tokens},
                     {"nats_per_token", result.nats_per_token()},
                     {"bits_per_byte", result.bits_per_byte()}};
    if (options.precision == "bf16") told["bf16_unit"] = to_string(cpu::bf16_unit());
    if (json)
      std::printf("%s\n", told.dump().c_str());
    else
      std::printf("%lld tokens, %.4f nats per token, %.4f bits per byte\n", static_cast<long long>(result.tokens),
                  result.nats_per_token(), result.bits_per_byte());
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
