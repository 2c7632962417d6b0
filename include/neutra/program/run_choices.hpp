/// The implementation of the program `choices`.
#pragma once

// First, as in neutra/neutra.hpp.
#include "neutra/core/strict.hpp"

#include "neutra/core/numbers.hpp"
#include "neutra/data/questions_from_parallel_text.hpp"
#include "neutra/data/questions_from_text.hpp"
#include "neutra/program/model_options.hpp"
#include "neutra/program/program.hpp"
#include "neutra/program/text_options.hpp"
#include "neutra/report/table.hpp"
#include "neutra/train/accuracy.hpp"
#include "neutra/train/multiple_choice.hpp"
#include "neutra/train/multiple_choice_file.hpp"
#include "neutra/train/texts.hpp"

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace program {

namespace detail {

/// The command line of choices.
struct ChoicesOptions {
  ModelOptions model;
  std::vector<io::Path> adapters;
  io::Path tasks, build;
  std::vector<io::Path> texts, from;
  train::TextFormat format;
  Index sequence = 0;
  bool json = false;
  data::QuestionOptions questions;

  ChoicesOptions(int argc, const char* const* argv) {
    CLI::App app("Answer multiple-choice questions by likelihood, or make such questions from text.", "choices");
    app.option_defaults()->group("Answering");
    app.add_option("--tasks", tasks,
                   R"(questions, one a line: {"context": "...", "endings": ["...", ...], "label": 0})");
    CLI::Option* const model_option = model.add_model_to(app);
    app.add_option("--adapter", adapters,
                   "adapters for this model, compared question by question: NAME.safetensors, or LoRA folders of PEFT");
    app.add_option("--sequence", sequence,
                   "longest context and ending in tokens, beyond which the context is cut on the left; 0: the model's "
                   "context, at most 4096");
    app.add_flag("--json", json, "print a JSON object instead of a table");
    app.option_defaults()->group("Making questions");
    CLI::Option* const build_option = app.add_option("--build", build, "write questions made from --text to this file");
    app.add_option("--text", texts, "text whose passages are continued: files, folders, or - for standard input");
    app.add_option("--from", from,
                   "the same lines in another language: each line of --text is then the ending of its line");
    add_text_format(app, format);
    app.add_option("--questions", questions.questions, "how many")->capture_default_str();
    app.add_option("--seed", questions.seed, "seed of the random numbers")->capture_default_str();
    app.add_option("--context-bytes", questions.context_bytes, "longest context")->capture_default_str();
    app.add_option("--ending-bytes", questions.ending_bytes, "shortest ending")->capture_default_str();
    parse_command_line(app, argc, argv);
    const bool building = build_option->count() > 0;
    require(building || (!tasks.empty() && model_option->count() > 0),
            "--model and --tasks are needed to answer questions, or --build and --text to make them; --help lists all");
    require(!building || (tasks.empty() && model_option->count() == 0 && adapters.empty()),
            "--build makes questions and takes no --model, --adapter or --tasks; leave them out");
    require(building == !texts.empty() && (building || from.empty()), "--text and --from belong to --build; ",
            building ? "name the text" : "leave them out");
    model.check();
    study::detail::check_from_zero(sequence, "sequence");
    study::detail::check_count(questions.questions, "questions");
    study::detail::check_count(questions.context_bytes, "context-bytes");
    study::detail::check_count(questions.ending_bytes, "ending-bytes");
  }
};

inline void build_questions(const ChoicesOptions& options) {
  const data::Text text = train::read_texts(options.texts, "--text", options.format);
  const auto made = options.from.empty() ? data::questions_from_text(text.bytes, options.questions)
                                         : data::questions_from_parallel_text(
                                               train::read_texts(options.from, "--from", options.format).bytes,
                                               text.bytes, options.questions);
  train::write_questions(options.build, made);
  print_line(concat(made.size(), " questions: ", options.build.string()));
}

/// A method's answers, by sum and per byte.
struct Answers {
  std::string name;
  std::array<std::vector<Index>, 2> chosen;
  std::array<std::vector<bool>, 2> right;
};
inline constexpr std::array<const char*, 2> answer_kinds{"summed", "per_byte"};

/// The answers of the model alone, then of each adapter. The backbone is loaded once. All adapters are loaded before
/// the first question, which may be hours before the last.
inline std::vector<Answers> answers_of(const ChoicesOptions& options, const adapter::Registry& registry,
                                       const std::vector<data::MultipleChoice>& questions, std::stop_token stop) {
  std::vector<train::SavedAdapter> saved;
  for (const io::Path& adapter : options.adapters) saved.push_back(train::saved_adapter(adapter, registry));
  const train::Fingerprint fingerprint = fingerprint_of(options.model.model, saved);
  train::LoadedModel base = options.model.load(registry, nn::Purpose::evaluation);
  const Index length = window_length(options.sequence, base.model->config().context);
  auto models = train::load_each(base.model->backbone(), saved, [&] {
    return nn::Base{base.model->config(), fingerprint(*base.model->backbone()),
                    train::tokenizer_sha256(*base.tokenizer)};
  });
  models.insert(models.begin(), std::move(base.model));
  std::vector<Answers> all;
  Tape<float, DefaultDevice> tape;
  for (std::size_t n = 0; n < models.size(); ++n) {
    train::Chosen chosen = train::with_run_name(options.tasks.string(), [&] {
      return train::choose(*models[n], tape, *base.tokenizer, questions, length, {}, stop);
    });
    Answers answers{.name = n == 0 ? "the model alone" : saved[n - 1].path.string(),
                    .chosen = {std::move(chosen.summed), std::move(chosen.per_byte)},
                    .right = {}};
    for (const std::size_t kind : {0u, 1u}) answers.right[kind] = train::right_of(answers.chosen[kind], questions);
    all.push_back(std::move(answers));
  }
  return all;
}

inline io::Json to_json(const std::vector<Answers>& all) {
  io::Json methods = io::Json::array(), pairs = io::Json::array();
  for (std::size_t n = 0; n < all.size(); ++n) {
    io::Json method = {{"name", io::utf8_text(all[n].name)}};
    for (const std::size_t kind : {0u, 1u}) {
      const train::Accuracy a = train::accuracy_of(all[n].right[kind]);
      method[answer_kinds[kind]] = {{"accuracy", a.value()},
                                    {"low", a.low()},
                                    {"high", a.high()},
                                    {"right", a.right},
                                    {"chosen", all[n].chosen[kind]}};
    }
    methods.push_back(std::move(method));
    for (std::size_t first = 0; first < n; ++first) {
      io::Json pair = {{"first", first}, {"second", n}};
      for (const std::size_t kind : {0u, 1u}) {
        const train::Paired p = train::paired(all[first].right[kind], all[n].right[kind]);
        pair[answer_kinds[kind]] = {{"first_only", p.first_only}, {"second_only", p.second_only}, {"p", p.p()}};
      }
      pairs.push_back(std::move(pair));
    }
  }
  return {{"questions", all.front().chosen[0].size()}, {"methods", std::move(methods)}, {"pairs", std::move(pairs)}};
}

/// A line per method, then one per pair of methods. Names are numbered, because they are paths.
inline std::string table(const std::vector<Answers>& all) {
  std::string text =
      concat(all.front().chosen[0].size(),
             " questions; accuracy in percent with its 95 % interval, by summed likelihood and per byte\n");
  std::string pairs;
  for (std::size_t n = 0; n < all.size(); ++n) {
    text += report::detail::pad_left(concat(n + 1), 3);
    for (const auto& right : all[n].right) {
      const train::Accuracy a = train::accuracy_of(right);
      text += concat("  ", report::detail::pad_left(fixed(100 * a.value(), 1), 5), " (", fixed(100 * a.low(), 1),
                     " to ", fixed(100 * a.high(), 1), ")");
    }
    text += concat("  ", io::printable_whole(all[n].name), "\n");
    for (std::size_t first = 0; first < n; ++first) {
      pairs += concat("  ", first + 1, " and ", n + 1, ":");
      for (const std::size_t kind : {0u, 1u}) {
        const train::Paired p = train::paired(all[first].right[kind], all[n].right[kind]);
        pairs += concat(kind == 0 ? " summed " : "; per byte ", p.first_only, " and ", p.second_only, ", p ",
                        p.p() < 1e-4 ? std::string("below 0.0001") : fixed(p.p(), 4));
      }
      pairs += "\n";
    }
  }
  return pairs.empty() ? text : text + "Questions that only one of two answers right (McNemar, exact):\n" + pairs;
}

}  // namespace detail

/// Runs choices. The policies are created inside, so that their errors are reported.
NEUTRA_ONCE int run_choices(int argc, const char* const* argv, const std::function<adapter::Registry()>& policies) {
  return run_program("choices", [&](std::stop_token stop) {
    const detail::ChoicesOptions options(argc, argv);
    if (!options.build.empty()) return detail::build_questions(options);
    set_threads(options.model.threads);
    const auto questions = train::read_questions(options.tasks);
    const auto answers = detail::answers_of(options, policies(), questions, stop);
    const std::string told = options.json ? detail::to_json(answers).dump() + "\n" : detail::table(answers);
    std::fputs(told.c_str(), stdout);
  });
}

}}}  // namespace neutra::NEUTRA_ABI::program
