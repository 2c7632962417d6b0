/// Adapters as files: NAME.safetensors with the weights, NAME.json with the description and the base model.
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

/// The name and version of the format, which a reader checks first.
inline constexpr std::string_view adapter_schema = "neutra.adapter/3";

/// The contents of NAME.json.
struct AdapterFile {
  adapter::Description description;
  Base base;  // the model it was trained for; of its configuration only the values of visit_function
  /// What the adapter was trained on top of and holds as its first members: the SHA-256 of the files of these adapters
  /// when they were saved alone, from the first on.
  std::vector<std::string> trained_on{};
};

namespace detail {

/// The metadata key of NAME.safetensors with the SHA-256 of NAME.json, which identifies files saved together.
inline constexpr const char* json_sha256 = "neutra_adapter_json_sha256";

/// NAME.json of NAME.safetensors.
inline io::Path json_beside(io::Path path) {
  require(path.extension() == ".safetensors" && path.stem() != "", path.string(),
          ": an adapter's file must be named NAME.safetensors; its JSON is NAME.json beside it");
  return path.replace_extension(".json");
}

inline void check_digits(const std::string& where, const char* key, const std::string& digits) {
  require(digits.size() == 64 && digits.find_first_not_of("0123456789abcdef") == digits.npos, where, ": ", key,
          " must be 64 hexadecimal digits, got \"", io::printable(digits), '"');
}
inline void check_base(const std::string& where, const Base& base) {
  check_digits(where, "fingerprint", base.fingerprint);
  if (!base.tokenizer.empty()) check_digits(where, "tokenizer", base.tokenizer);
}

/// Writes and reads the configuration of a base model as the object "model". An optional id is negative in memory and
/// null in the file.
inline io::Json model_json(const Config& config) {
  io::Json json;
  visit_function(config, [&](const char* key, const auto& value) { json[key] = value; });
  if (config.bos < 0) json["bos"] = nullptr;
  return json;
}
/// Adds a setting that the family has no default for, with an empty value of its type. A string of 0 and 1 alone is a
/// setting of each layer.
inline void add_setting(Config& config, const std::string& name, const io::Json& value) {
  if (!value.is_string())
    config.numbers.try_emplace(name);
  else if (value.get_ref<const std::string&>().find_first_not_of("01") == std::string::npos)
    config.by_layer.try_emplace(name);
  else
    config.choices.try_emplace(name);
}
inline Config read_model(const io::Reader& model) {
  Config config = settings_of(model.text("family", Config{}.family), model.what() + ": model.family");
  // Beside the default settings of the family, those this model was given.
  for (const auto& item : model.json().items())
    if (has_setting(config.family, item.key())) add_setting(config, item.key(), item.value());
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
    require(known.contains(item.key()), model.what(), ": model.", io::printable(item.key()),
            " is not a known key; is the file newer than this program?");
  return config;
}

inline io::Json adapter_json(const AdapterFile& file, const std::string& where) {
  require(!file.description.kind.empty(), where, ": the description must name the kind of adapter, got none");
  check_base(where, file.base);
  io::Json json = {{"schema", adapter_schema},
                   {"kind", file.description.kind},
                   {"settings", io::to_json(file.description.settings, where + ": settings")},
                   {"weights", file.description.weights},
                   {"fingerprint", file.base.fingerprint},
                   {"tokenizer", file.base.tokenizer.empty() ? io::Json() : io::Json(file.base.tokenizer)},
                   {"model", model_json(file.base.config)}};
  if (!file.trained_on.empty()) json["trained_on"] = file.trained_on;
  return json;
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
          io::printable(schema), "\"; read it with the version of neutra that wrote it");
  if (!second) read.only({"schema", "kind", "settings", "weights", "model", "fingerprint", "tokenizer", "trained_on"});
  AdapterFile file{.description = second ? read_description_2(read)
                                         : adapter::Description{.kind = read.text("kind"),
                                                                .settings = io::settings_of(read.object("settings")),
                                                                .weights = read.integer("weights", {}, 0)},
                   .base = {read_model(read.object("model")), read.text("fingerprint"), read.text("tokenizer", "")}};
  require(!file.description.kind.empty(), where, ": kind must not be empty");
  check_base(where, file.base);
  if (read.has("trained_on")) file.trained_on = read.texts("trained_on");
  for (const std::string& sha256 : file.trained_on) check_digits(where, "trained_on", sha256);
  return file;
}

inline std::string adapter_text(const io::Path& json) { return io::read_file(json, 1'000'000); }

/// All mismatches between an adapter file and the model it is loaded for; empty if there are none.
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
    if (!known.contains(entry.name)) extra.add(io::printable(entry.name));
  return faults + missing.text() + wrong.text() + extra.text();
}

}  // namespace detail

/// Writes an adapter: the parameters by name to `path`, which must be NAME.safetensors, and the description and base
/// model (see base_of) to NAME.json beside it, with what it was trained on top of (AdapterFile::trained_on). Each file
/// is replaced atomically, after both are written, so that a full disk leaves the old ones in place. The weights carry
/// the SHA-256 of the JSON, so that a crash between the two replacements is detected on loading. Error: no parameters
/// (for a finetuned model see save_model), a duplicate name, NaN or infinity, a disk error.
template <Scalar S, Backend D>
void save_adapter(const io::Path& path, const std::vector<Parameter<S, D>*>& parameters,
                  const adapter::Description& description, const Base& base,
                  const std::vector<std::string>& trained_on = {}) {
  const io::Path beside = detail::json_beside(path);
  require(!parameters.empty(), path.string(),
          ": there are no parameters to save; attach an adapter, or save a finetuned model with save_model");
  const std::string text =
      io::dump(detail::adapter_json({description, base, trained_on}, beside.string()), beside.string());
  std::deque<Tensor<S>> copies;
  std::vector<io::NamedView<S>> views;
  for (const auto* parameter : parameters) views.push_back({parameter->name, on_host(*parameter, copies)});
  io::OutputFile json(beside);
  json.write(text);
  io::write_safetensors<S>(path, std::move(views), {{"format", "pt"}, {detail::json_sha256, io::sha256_hex(text)}});
  json.commit();
}

/// Reads NAME.json of NAME.safetensors, from which a program constructs the adapter before load_adapter_weights.
/// Error: another file name; no such JSON; another schema; a key that is missing, unknown or of the wrong type.
inline AdapterFile read_adapter_json(const io::Path& path) {
  const io::Path beside = detail::json_beside(path);
  return detail::read_adapter_text(detail::adapter_text(beside), beside.string());
}

/// Loads the parameters of an adapter from `path`; `base` is the model that it is attached to. After an Error the
/// parameters are unchanged. Gradients and optimizer moments are not modified.
/// Error: weights and JSON that were not saved together; all mismatches in one message: configuration, fingerprint,
/// tokenizer (if both are known), parameters missing, extra or of another shape; NaN and infinity; the Errors of
/// read_adapter_json and io::Safetensors.
template <Scalar S, Backend D>
void load_adapter_weights(const io::Path& path, const std::vector<Parameter<S, D>*>& parameters, const Base& base) {
  const io::Path beside = detail::json_beside(path);
  const std::string text = detail::adapter_text(beside);
  const AdapterFile file = detail::read_adapter_text(text, beside.string());
  const auto weights = io::Safetensors::open(path);
  const auto sum = weights.metadata().find(detail::json_sha256);
  require(sum != weights.metadata().end(), path.string(),
          ": the metadata must contain the SHA-256 of the JSON beside the weights (", detail::json_sha256,
          "), but does not; it was not written by save_adapter");
  require(sum->second == io::sha256_hex(text), path.string(), ": must have been saved together with ",
          beside.filename().string(),
          ", but that is another version: saving was interrupted, or one file was changed; save the adapter again, or "
          "copy both files of one save");
  const std::string faults = detail::adapter_mismatches(file, weights, parameters, base);
  require(faults.empty(), path.string(), ": the adapter must fit the model", faults,
          "; load the model that it was made for");
  std::vector<Tensor<S>> values;
  for (const auto* parameter : parameters) values.push_back(weights.read<S>(parameter->name));
  for (std::size_t i = 0; i < parameters.size(); ++i) upload<S, D>(values[i], parameters[i]->value);
}

}}}  // namespace neutra::NEUTRA_ABI::nn
