/// What pretraining needs besides a training run: sizes, a folder for the model, and a record of how flat the loss
/// became.
#pragma once

#include "neutra/io/sealed.hpp"
#include "neutra/nn/model_folder.hpp"
#include "neutra/study/options.hpp"
#include "neutra/train/export_tokenizer.hpp"
#include "neutra/train/log.hpp"
#include "neutra/train/model_tokenizer.hpp"
#include "neutra/train/stopped.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace study {

/// The sizes of the model to pretrain. Error: sizes that do not fit together.
inline nn::Config new_config(const Options& options, const data::Tokenizer& tokenizer) {
  const bool ends_texts = options.text_format.separates() && tokenizer.eos() >= 0;
  nn::Config config{.vocabulary = tokenizer.vocab(),
                    .dim = options.dim,
                    .ffn = options.ffn_width(),
                    .layers = options.layers,
                    .heads = options.heads,
                    .kv_heads = options.kv_heads,
                    .context = options.sequence,
                    .norm_epsilon = 1e-5,
                    .tied = options.tied,
                    .bos = tokenizer.bos(),
                    .eos = ends_texts ? std::vector<Index>{tokenizer.eos()} : std::vector<Index>{}};
  config.complete();
  return config;
}

/// Every file that save_model may write: the model, its tokenizer, and files copied from the folder that the model came
/// from.
inline std::vector<std::string> model_files() {
  std::vector<std::string> names = {"config.json", "model.safetensors", "tokenizer.model"};
  names.insert(names.end(), nn::detail::kept_files.begin(), nn::detail::kept_files.end());
  return names;
}

/// Saves the model's own weights as a folder with its tokenizer, which is also written as a tokenizer.json where it can
/// be and the backbone has none. source: the folder that the backbone was loaded from, whose types of tensors are kept.
inline void save_model(const io::Path& folder, train::Model& model, const data::Tokenizer& tokenizer,
                       const io::Path& source = {}) {
  const auto serialized = tokenizer.serialized();
  nn::save_model(folder, model, serialized.empty() ? io::Json{{"neutra_tokenizer", "byte"}} : io::Json::object(),
                 source);
  if (!serialized.empty()) io::write_file(folder / tokenizer.file_name(), serialized);
  const auto& documents = model.backbone()->documents();
  if (documents.contains("tokenizer.json")) return;
  if (tokenizer.file_name() != "tokenizer.json") {
    const io::Json json = train::export_tokenizer(tokenizer);
    if (json.is_null()) return;
    io::write_json(folder / "tokenizer.json", json);
  }
  if (!documents.contains("tokenizer_config.json"))
    io::write_json(folder / "tokenizer_config.json", train::export_tokenizer_config(tokenizer));
}

/// Time, tokens, and how flat the loss became: 1 - (mean of the last twentieth of the steps) / (mean of the
/// twentieth before the last tenth). log: a line of JSON per step, with its loss under "lm". Error: see read_log.
inline io::Json pretraining_record(const io::Path& log, Index steps, double seconds, Index tokens) {
  std::vector<double> losses;
  train::read_log(log, io::read_file(log, std::uint64_t{1} << 40), steps,
                  [&](const io::Reader& line) { losses.push_back(line.number("lm")); });
  const std::size_t n = losses.size(), part = std::max<std::size_t>(1, n / 20);
  const auto mean_of = [&](std::size_t end) {
    double sum = 0;
    for (std::size_t i = end - part; i < end; ++i) sum += losses[i];
    return sum / static_cast<double>(part);
  };
  const double before = mean_of(std::max(part, n - n / 10)), after = mean_of(n);
  return {{"seconds", seconds},
          {"tokens", tokens},
          {"final_nats_per_token", after},
          {"fall_over_last_tenth", 1 - after / before}};
}

/// Writes a pretrain.json: the record, and the hashes of the files of the model's folder.
inline void write_pretraining(const io::Path& file, io::Json record, const io::Path& model) {
  record["files"] = io::hashes_of(model, model_files());
  io::write_sealed(file, std::move(record));
}

/// The record of a pretrain.json. Error: damage to it or to the model that it recorded.
inline io::Json read_pretraining(const io::Path& file, const io::Path& model) {
  return train::with_advice("restore the files, or start a run in another --out", [&] {
    io::Json record = io::read_sealed(file);
    io::check_hashes(model, io::Reader(record, file.string()).object("files").json());
    record.erase("files");
    return record;
  });
}

}}}  // namespace neutra::NEUTRA_ABI::study
