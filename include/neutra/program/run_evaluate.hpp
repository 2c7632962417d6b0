/// The implementation of the program `evaluate`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"

#include <functional>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

/// Runs evaluate. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_evaluate(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("evaluate", [&](std::stop_token stop) {
    CLI::App app("Compute the bits per byte of a text under a model, with or without an adapter.", "evaluate");
    detail::ModelOptions options;
    options.add_to(app);
    std::vector<io::Path> files;
    Index sequence = 0, batch = 16;
    bool json = false;
    app.add_option("--text", files, "text to evaluate on; one file or several")->required();
    app.add_option("--sequence", sequence, "tokens per evaluation window; 0: the model's context, at most 4096");
    app.add_option("--batch", batch, "windows per batch")->capture_default_str();
    app.add_flag("--json", json, "print a JSON object instead of a line");
    parse_command_line(app, argc, argv);
    options.check();
    study::detail::check_from_zero(sequence, "sequence");
    study::detail::check_count(batch, "batch");
    set_threads(options.threads);
    const data::Text text = data::read_texts(files);
    for (const std::string& remark : text.remarks) print_line(remark);
    const train::LoadedModel loaded = options.load(policies(), nn::Purpose::evaluation);
    const Index length = detail::window_length(sequence, loaded.model->config().context);
    Tape<float, DefaultDevice> tape;
    const train::EvaluationText parts{data::Windows(*loaded.tokenizer, text.bytes, length),
                                      static_cast<Index>(text.bytes.size())};
    const train::Evaluation result =
        train::evaluate(*loaded.model, tape, parts, data::Domain::target, batch, nullptr, {}, stop);
    io::Json told = {{"tokens", result.tokens},
                     {"nats_per_token", result.nats_per_token()},
                     {"bits_per_byte", result.bits_per_byte()}};
    told.update(io::Json(DefaultDevice::matmul_units(options.precision)));
    if (json)
      std::printf("%s\n", told.dump().c_str());
    else
      std::printf("%lld tokens, %.4f nats per token, %.4f bits per byte\n", static_cast<long long>(result.tokens),
                  result.nats_per_token(), result.bits_per_byte());
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
