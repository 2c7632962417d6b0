/// The implementation of the program `evaluate`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/text_options.hpp"
#include "neutra/train/encode.hpp"
#include "neutra/train/open_share.hpp"
#include "neutra/train/texts.hpp"

#include <functional>
#include <optional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// Error: an attenuation without an adapter.
inline void check_attenuation(const CLI::App& app, const ModelOptions& options) {
  for (const char* name : {"--scale", "--threshold"})
    require(app.count(name) == 0 || !options.adapter.empty(), name,
            " attenuates an adapter, but there is none; name one with --adapter");
}
/// Adds the attenuation and the share of open gates, null without gates that close. Error: a threshold without a gate.
inline void tell_attenuation(io::Json& told, const adapter::Attenuation& attenuation,
                             const adapter::Probe<float, DefaultDevice>& probe) {
  const std::optional<double> open = train::open_share(probe, data::Domain::target);
  require(attenuation.threshold == 0 || open,
          "--threshold closes gates, but the adapter has none; leave it out, or use --scale");
  told.update({{"scale", attenuation.scale},
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
    adapter::Attenuation attenuation;
    app.add_option("--text", files, "text to evaluate on: files, folders, or - for standard input")->required();
    detail::add_text_format(app, format);
    detail::add_documents(app, format);
    app.add_option("--sequence", sequence, "tokens per evaluation window; 0: the model's context, at most 4096");
    app.add_option("--batch", batch, "windows per batch")->capture_default_str();
    app.add_option("--scale", attenuation.scale, "how much of the adapter to apply, from 0 (the backbone) to 1")
        ->capture_default_str();
    app.add_option("--threshold", attenuation.threshold, "gates below it count as closed")->capture_default_str();
    app.add_flag("--json", json, "print a JSON object instead of a line");
    parse_command_line(app, argc, argv);
    options.check();
    study::detail::check_from_zero(sequence, "sequence");
    study::detail::check_count(batch, "batch");
    detail::check_attenuation(app, options);
    attenuation.check();
    const bool attenuated = app.count("--scale") + app.count("--threshold") > 0;
    set_threads(options.threads);
    const data::Text text = train::read_texts(files, "--text", format);
    for (const std::string& remark : text.remarks) print_line(remark);
    const train::LoadedModel loaded = options.load(policies(), nn::Purpose::evaluation);
    const Index length = detail::window_length(sequence, loaded.model->config().context);
    loaded.model->attenuation = attenuation;
    adapter::Probe<float, DefaultDevice> probe(loaded.model->config().layers);
    Tape<float, DefaultDevice> tape;
    const std::optional<std::int32_t> eos = train::end_of_text(loaded.model->config());
    if (!eos && !text.ends.empty()) print_line(train::no_end_of_text);
    train::TokenCache cache(format.token_cache, format.memory);
    const train::EvaluationText parts =
        train::evaluation_text(*loaded.tokenizer, text, eos, length, format.token_cache.empty() ? nullptr : &cache);
    for (const std::string& remark : cache.remarks()) print_line(remark);
    const train::Evaluation result = train::evaluate(*loaded.model, tape, parts, data::Domain::target, batch,
                                                     attenuated ? &probe : nullptr, {}, stop);
    io::Json told = {{"tokens", result.tokens},
                     {"nats_per_token", result.nats_per_token()},
                     {"bits_per_byte", result.bits_per_byte()}};
    if (attenuated) detail::tell_attenuation(told, attenuation, probe);
    told.update(io::Json(DefaultDevice::matmul_units(options.precision)));
    if (json)
      std::printf("%s\n", told.dump().c_str());
    else
      std::printf("%lld tokens, %.4f nats per token, %.4f bits per byte\n", static_cast<long long>(result.tokens),
                  result.nats_per_token(), result.bits_per_byte());
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
