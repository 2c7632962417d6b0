/// Adapters as files: NAME.safetensors with the weights, and NAME.json beside it with what they are and which model
/// they belong to.
#pragma once

#include "neutra/adapter/adapter.hpp"
#include "neutra/core/error.hpp"
#include "neutra/io/json.hpp"
#include "neutra/io/safetensors.hpp"
#include "neutra/io/settings.hpp"
#include "neutra/io/sha256.hpp"
#include "neutra/nn/adapter_file_2.hpp"
#include "neutra/nn/fingerprint.hpp"
#include "neutra/nn/host.hpp"
#include "neutra/nn/items.hpp"

#include <concepts>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace neutra { inline namespace NEUTRA_ABI { namespace nn {

/// The format's name and version, the first thing a reader checks.
inline constexpr std::string_view adapter_schema = "neutra.adapter/3";

/// What the JSON beside an adapter's weights says.
struct AdapterFile {
  adapter::Description description;
  Base base;  // the model it was made for; of its configuration only what visit_function shows
};

namespace detail {

/// The metadata of the weights by which the two files of one saving know each other.
inline constexpr const char* json_sha256 = "neutra_adapter_json_sha256";

/// NAME.json of NAME.safetensors.
inline io::Path json_beside(io::Path path) {
  require(path.extension() == ".safetensors" && path.stem() != "", path.string(),
          ": an adapter's file must be named NAME.safetensors; its JSON is NAME.json beside it");
  return path.replace_extension(".json");
}

inline void check_digits(const std::string& where, const char* key, const std::string& digits) {
  require(digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == digits.npos, where, ": ", key,
          " must be 64 hexadecimal digits, got \"", io::shown(digits), '"');
}
inline void check_base(const std::string& where, const Base& base) {
  check_digits(where, "fingerprint", base.fingerprint);
  if (!base.tokenizer.empty()) check_digits(where, "tokenizer", base.tokenizer);
}

/// The configuration of a base as the object "model", there and back. An id that may be absent is negative in memory
/// and null in the file.
inline io::Json model_json(const Config& config) {
  io::Json json;
  visit_function(config, [&](const char* key, const auto& value) { json[key] = value; });
  if (config.bos < 0) json["bos"] = nullptr;
  return json;
}
inline Config read_model(const io::Reader& model) {
  Config config = settings_of(model.text("family", Config{}.family), model.what() + ": model.family");
  std::set<std::string> known;
  visit_function(config, [&]<class T>(const char* key, T& member) {
    known.insert(key);
    if constexpr (std::same_as<T, bool>)
      member = model.flag(key);
    else if constexpr (std::same_as<T, double>)
      member = model.number(key);
    else if constexpr (std::same_as<T, std::string>)
      member = model.text(key);
    else
      member = member < 0 ? model.integer(key, member, 0) : model.positive(key);
  });
  for (const auto& item : model.json().items())
    require(known.contains(item.key()), model.what(), ": model.", io::shown(item.key()),
            " is not a known key; is the file newer than this program?");
  return config;
}

inline io::Json adapter_json(const AdapterFile& file, const std::string& where) {
  require(!file.description.kind.empty(), where, ": the description must name the kind of adapter, got none");
  check_base(where, file.base);
  return {{"schema", adapter_schema},
          {"kind", file.description.kind},
          {"settings", io::to_json(file.description.settings, where + ": settings")},
          {"weights", file.description.weights},
          {"fingerprint", file.base.fingerprint},
          {"tokenizer", file.base.tokenizer.empty() ? io::Json() : io::Json(file.base.tokenizer)},
          {"model", model_json(file.base.config)}};
}

inline AdapterFile read_adapter_text(std::string_view text, const std::string& where) {
  const io::Json json = io::parse(text, where);
  const io::Reader read(json, where);
  const std::string schema = read.text("schema");
  require(schema != "neutra.adapter/1", where,
          ": was saved by an older version (neutra.adapter/1), which did not record the configuration and tokenizer",
          " of the model it was made for; use it with that version, or train it again with this one");
  const bool second = schema == adapter_schema_2;
  require(second || schema == adapter_schema, where, ": schema must be \"", adapter_schema, "\", got \"",
          io::shown(schema), "\"; read it with the version of neutra that wrote it");
  if (!second) read.only({"schema", "kind", "settings", "weights", "model", "fingerprint", "tokenizer"});
  AdapterFile file{.description = second ? read_description_2(read)
                                         : adapter::Description{.kind = read.text("kind"),
                                                                .settings = io::settings_of(read.object("settings")),
                                                                .weights = read.integer("weights", {}, 0)},
                   .base = {read_model(read.object("model")), read.text("fingerprint"), read.text("tokenizer", "")}};
  require(!file.description.kind.empty(), where, ": kind must not be empty");
  check_base(where, file.base);
  return file;
}

inline std::string adapter_text(const io::Path& json) { return io::read_file(json, 1'000'000); }

/// Collects all that keeps an adapter's weights from being those of a model.
template <Scalar S, Backend D>
std::string adapter_mismatches(const AdapterFile& file, const io::Safetensors& weights,
                               const std::vector<Parameter<S, D>*>& parameters, const Base& base) {
  std::string faults;
  std::map<std::string, std::string> made_for;
  visit_function(file.base.config, [&](const char* key, const auto& value) { made_for[key] = concat(value); });
  if (file.base.config.family != base.config.family)
    faults += concat("; family: made for ", file.base.config.family, ", the model is of ", base.config.family);
  visit_function(base.config, [&](const char* key, const auto& value) {
    if (const auto made = made_for.find(key);
        made != made_for.end() && made->second != concat(value) && made->first != "family")
      faults += concat("; ", key, ": made for ", made->second, ", the model has ", value);
  });
  const auto compare = [&](const char* what, const std::string& own, const std::string& other) {
    if (own != other)
      faults +=
          concat("; ", what, ": made for ", own.substr(0, 12), "..., the model's is ", other.substr(0, 12), "...");
  };
  compare("fingerprint of configuration and weights", file.base.fingerprint, base.fingerprint);
  if (!file.base.tokenizer.empty() && !base.tokenizer.empty())
    compare("SHA-256 of the tokenizer", file.base.tokenizer, base.tokenizer);
  Items missing("missing"), wrong("of the wrong shape"), extra("not of this adapter");
  std::set<std::string, std::less<>> known;
  for (const auto* parameter : parameters) {
    const auto& name = *known.insert(parameter->name).first;
    if (!weights.contains(name)) {
      missing.add(name);
    } else if (const Shape& got = weights.entry(name).shape; got != parameter->value.shape()) {
      wrong.add(concat(name, " must be ", parameter->value.shape(), ", got ", got));
    }
  }
  for (const auto& entry : weights.entries())
    if (!known.contains(entry.name)) extra.add(io::shown(entry.name));
  return faults + missing.text() + wrong.text() + extra.text();
}

}  // namespace detail

/// Writes an adapter: `path` must be NAME.safetensors and gets the parameters by name; NAME.json beside it gets the
/// description and the model it belongs to (see base_of). Each is replaced whole or not at all; the weights carry the
/// JSON's SHA-256, so that a crash between the two replacements shows when they are read. A disk that is full is found
/// before either is replaced. Error: no parameters (the model itself trained: see save_model), a name twice, NaN or
/// infinity, the disk.
template <Scalar S, Backend D>
void save_adapter(const io::Path& path, const std::vector<Parameter<S, D>*>& parameters,
                  const adapter::Description& description, const Base& base) {
  const io::Path beside = detail::json_beside(path);
  require(!parameters.empty(), path.string(),
          ": there are no parameters to save; an adapter is needed (a finetuned model is saved with save_model)");
  const std::string text = io::dump(detail::adapter_json({description, base}, beside.string()), beside.string());
  std::deque<Tensor<S>> copies;
  std::vector<io::NamedView<S>> views;
  for (const auto* parameter : parameters) views.push_back({parameter->name, on_host(*parameter, copies)});
  io::OutputFile json(beside);
  json.write(text);
  io::write_safetensors<S>(path, std::move(views), {{"format", "pt"}, {detail::json_sha256, io::sha256_hex(text)}});
  json.commit();
}

/// What the JSON beside NAME.safetensors says, by which a program makes the adapter whose weights load_adapter_weights
/// then fills. Error: another name; no such JSON; another schema; a key that is missing, unknown or of the wrong type.
inline AdapterFile read_adapter_json(const io::Path& path) {
  const io::Path beside = detail::json_beside(path);
  return detail::read_adapter_text(detail::adapter_text(beside), beside.string());
}

/// Fills the parameters of an adapter from its file; `base` is the model it is attached to now. On any Error the
/// parameters are as they were. Gradients and the optimizer's moments are not touched. Error: weights and JSON that
/// were not saved together; then every mismatch at once: configuration, fingerprint, tokenizer (where both sides know
/// one), parameters missing, extra or of another shape; NaN and infinity; and what read_adapter_json and
/// io::Safetensors refuse.
template <Scalar S, Backend D>
void load_adapter_weights(const io::Path& path, const std::vector<Parameter<S, D>*>& parameters, const Base& base) {
  const io::Path beside = detail::json_beside(path);
  const std::string text = detail::adapter_text(beside);
  const AdapterFile file = detail::read_adapter_text(text, beside.string());
  const auto weights = io::Safetensors::open(path);
  const auto sum = weights.metadata().find(detail::json_sha256);
  require(sum != weights.metadata().end(), path.string(), ": the metadata must name the JSON beside the weights (",
          detail::json_sha256, "), but does not; it was not written by save_adapter");
  require(sum->second == io::sha256_hex(text), path.string(), ": must have been saved together with ",
          beside.filename().string(),
          ", but that is another version: saving was interrupted, or one of them was changed; save the adapter again, "
          "or bring both from one saving");
  const std::string faults = detail::adapter_mismatches(file, weights, parameters, base);
  require(faults.empty(), path.string(), ": the adapter must fit the model", faults,
          "; load the model that it was made for");
  std::vector<Tensor<S>> values;
  for (const auto* parameter : parameters) values.push_back(weights.read<S>(parameter->name));
  for (std::size_t i = 0; i < parameters.size(); ++i) upload<S, D>(values[i], parameters[i]->value);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
