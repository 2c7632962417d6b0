/// The implementation of the program `evaluate`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/text_options.hpp"
#include "neutra/train/encode.hpp"
#include "neutra/train/lost_text.hpp"
#include "neutra/train/open_share.hpp"
#include "neutra/train/texts.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// Adds the attenuation, that of each adapter if they are told apart, and the share of open gates, null without gates
/// that close. Error: a threshold without a gate.
inline void tell_attenuation(io::Json& told, const AdapterOptions& options, const adapter::Attenuation& attenuation,
                             const adapter::Probe<float, DefaultDevice>& probe) {
  const std::optional<double> open = train::open_share(probe, data::Domain::target);
  require(attenuation.threshold == 0 || open,
          "--threshold closes gates, but the adapters that are applied have none; leave it out, or use --scale");
  if (options.tells_apart()) told["adapters"] = options.scales_of(attenuation);
  told.update({{"scale", options.whole()},
               {"threshold", attenuation.threshold},
               {"gate_open", open ? io::Json(*open) : io::Json()}});
}

}  // namespace detail

/// Runs evaluate. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_evaluate(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("evaluate", [&](std::stop_token stop) {
    CLI::App app("Compute the bits per byte of a text under a model, with or without an adapter.", "evaluate");
    detail::ModelOptions options;
    options.add_to(app);
    std::vector<io::Path> files;
    train::TextFormat format;
    Index sequence = 0, batch = 16;
    bool json = false;
    app.add_option("--text", files, "text to evaluate on: files, folders, or - for standard input")->required();
    detail::add_text_format(app, format);
    detail::add_documents(app, format);
    app.add_option("--sequence", sequence, "tokens per evaluation window; 0: the model's context, at most 4096");
    app.add_option("--batch", batch, "windows per batch")->capture_default_str();
    app.add_option("--threshold", options.adapters.threshold, "gates below it count as closed")->capture_default_str();
    app.add_flag("--json", json, "print a JSON object instead of a line");
    parse_command_line(app, argc, argv);
    options.check();
    study::detail::check_from_zero(sequence, "sequence");
    study::detail::check_count(batch, "batch");
    options.adapters.check(app);
    const bool attenuated = app.count("--scale") + app.count("--threshold") + app.count("--without") > 0;
    set_threads(options.threads);
    const data::Text text = train::read_texts(files, "--text", format);
    for (const std::string& remark : text.remarks) print_line(remark);
    const train::LoadedModel loaded = options.load(policies(), nn::Purpose::evaluation);
    const Index length = detail::window_length(sequence, loaded.model->config().context);
    adapter::Probe<float, DefaultDevice> probe(loaded.model->config().layers);
    Tape<float, DefaultDevice> tape;
    const std::optional<std::int32_t> eos = train::end_of_text(loaded.model->config());
    if (!eos && !text.ends.empty()) print_line(train::no_end_of_text);
    train::TokenCache cache(format.token_cache, format.memory);
    const train::EvaluationText parts =
        train::evaluation_text(*loaded.tokenizer, text, eos, length, format.token_cache.empty() ? nullptr : &cache);
    for (const std::string& remark : cache.remarks()) print_line(remark);
    train::LostText lost(*loaded.tokenizer);
    lost.add(text.bytes);
    if (const std::string remark = lost.remark(); !remark.empty()) print_line(remark);
    const train::Evaluation result = train::evaluate(*loaded.model, tape, parts, data::Domain::target, batch,
                                                     attenuated ? &probe : nullptr, {}, stop);
    io::Json told = {{"tokens", result.tokens},
                     {"nats_per_token", result.nats_per_token()},
                     {"bits_per_byte", result.bits_per_byte()}};
    if (attenuated) detail::tell_attenuation(told, options.adapters, loaded.model->attenuation, probe);
    told.update(io::Json(DefaultDevice::matmul_units(options.precision)));
    if (json)
      std::printf("%s\n", told.dump().c_str());
    else
      std::printf("%lld tokens, %.4f nats per token, %.4f bits per byte\n", static_cast<long long>(result.tokens),
                  result.nats_per_token(), result.bits_per_byte());
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
